// Large matrices are packed some columns at a time: nothing is lost, nothing stays, and memory
// never holds one twice.
#include "torchkeep/runtime/kernels/staged_packing.h"

#include <gtest/gtest.h>

#include "torchkeep/runtime/kernels/tiles.h"

#include "tests/runtime/graph_builder.h"
#include "tests/support/resident_memory.h"

namespace torchkeep::runtime::testing {
namespace {

constexpr std::uint64_t kMegabyte = 1 << 20;

struct Staged {
  std::int64_t rows, columns, stage;
};

void PrintTo(const Staged& s, std::ostream* out) {
  *out << s.rows << " x " << s.columns << " by " << s.stage;
}

class StagedPacking : public ::testing::TestWithParam<Staged> {
 protected:
  static constexpr std::size_t kAround = 64;  // bytes of others, before and behind

  const Shape shape{GetParam().rows, GetParam().columns};
  const std::size_t size = static_cast<std::size_t>(shape[0] * shape[1]) * sizeof(float);

  /// A part of a larger memory, each of its elements another number.
  std::shared_ptr<graph::Constant> make_source() {
    memory_ = std::make_shared<SecretBytes>(size + 2 * kAround);
    std::ranges::fill(memory_->expose(), std::uint8_t{7});
    auto source =
        std::make_shared<graph::Constant>(DataType::Float32, shape, memory_, kAround, size);
    float next = 1;
    for (float& element : source->elements<float>()) element = next++;
    return source;
  }

  /// At once, by oneDNN.
  Bytes pack_whole(bool transposed) {
    const std::shared_ptr<graph::Constant> source = make_source();
    const dnn::Layout layout = dnn::column_panels(shape);
    dnn::Primitive reorder = transposed
                                 ? dnn::make_transposing_reorder(machine_, shape, layout).value()
                                 : dnn::make_reorder(machine_, shape, {}, layout).value();
    Bytes packed(layout.bytes(shape), 0);
    EXPECT_TRUE(kernels::run_reorder(reorder, source->bytes(), packed).ok());
    return packed;
  }

  dnn::Machine machine_;
  std::shared_ptr<SecretBytes> memory_;
};

TEST_P(StagedPacking, IsWhatPackingAtOnceMakes) {
  for (const bool transposed : {false, true}) {
    const Bytes wanted = pack_whole(transposed);
    const std::shared_ptr<graph::Constant> source = make_source();
    Bytes packed(wanted.size(), 0xFF);  // as what lay there before might be
    const Result<void> done =
        kernels::pack_in_stages(machine_, *source, shape, transposed, GetParam().stage, packed);
    ASSERT_TRUE(done.ok()) << done.error();
    EXPECT_TRUE(packed == wanted) << transposed;
  }
}

TEST_P(StagedPacking, LeavesNothingOfTheMatrixAndAllOfItsNeighbours) {
  for (const bool transposed : {false, true}) {
    const std::shared_ptr<graph::Constant> source = make_source();
    Bytes packed(dnn::column_panels(shape).bytes(shape));
    ASSERT_TRUE(
        kernels::pack_in_stages(machine_, *source, shape, transposed, GetParam().stage, packed)
            .ok());
    const auto all_are = [&](ByteView bytes, std::uint8_t value) {
      return std::ranges::all_of(bytes, [&](std::uint8_t byte) { return byte == value; });
    };
    const ByteView bytes = std::as_const(*memory_).expose();
    EXPECT_TRUE(all_are(bytes.first(kAround), 7)) << transposed;
    EXPECT_TRUE(all_are(bytes.subspan(kAround, size), 0)) << transposed;
    EXPECT_TRUE(all_are(bytes.last(kAround), 7)) << transposed;
  }
}

INSTANTIATE_TEST_SUITE_P(Shapes, StagedPacking,
                         ::testing::Values(Staged{32, 256, 64},   // whole panels, whole stages
                                           Staged{32, 256, 192},  // a rest below a stage
                                           Staged{32, 256, 512},  // a stage is more than all
                                           Staged{32, 200, 128},  // a panel that is not full
                                           Staged{17, 129, 64},   // one column more, odd rows
                                           Staged{1, 65, 64}, Staged{1000, 1, 64},
                                           Staged{300, 1000, 320}));

TEST(StageBytes, AreAllOfWhatIsSmallBesideTheModel) {
  EXPECT_EQ(kernels::stage_bytes(9 * kMegabyte, 450 * kMegabyte), 9 * kMegabyte);
  EXPECT_EQ(kernels::stage_bytes(32 * kMegabyte, 32 * kMegabyte), 32 * kMegabyte);
  EXPECT_EQ(kernels::stage_bytes(125 * kMegabyte, 461 * kMegabyte), 32 * kMegabyte);
  EXPECT_EQ(kernels::stage_bytes(1024 * kMegabyte, 1024 * kMegabyte), 128 * kMegabyte);
  EXPECT_EQ(kernels::stage_bytes(180 * kMegabyte, 26'000 * kMegabyte), 180 * kMegabyte);
}

TEST(StageBytes, NeverReachWhatLoadingMayTake) {
  for (std::uint64_t model = 1; model < 100'000; model = model * 5 / 4 + 1) {
    for (const std::uint64_t matrix : {model, model / 2, model / 10 + 1})
      EXPECT_LE(kernels::stage_bytes(matrix * kMegabyte, model * kMegabyte),
                (model * 15 / 100 + 64) * kMegabyte);
  }
}

TEST(PacksInStages, RefusesWhatDoesNotLieInItsPanels) {
  EXPECT_TRUE(kernels::packs_in_stages(dnn::column_panels({17, 100}), {17, 100}));
  EXPECT_FALSE(kernels::packs_in_stages({}, {16, 64})) << "row-major";
  EXPECT_FALSE(kernels::packs_in_stages(dnn::column_panels({16, 64}), {32, 64})) << "other rows";
  EXPECT_FALSE(kernels::packs_in_stages(dnn::filter_panels({64, 64, 3, 3}), {64, 64, 3, 3}));
}

// Models whose head is all there is to them -----------------------------------

constexpr std::int64_t kInner = 1024, kColumns = 24 * 1024 + 7;  // 96 MiB
constexpr std::uint64_t kBytes = kInner * kColumns * sizeof(float);

enum class Written { Plain, Turned, Tied };

/// x [1, kInner] times one matrix: row-major, turned over, or turned over and looked up in too.
GraphBuilder head(Written written) {
  GraphBuilder graph;
  graph.input("x", {1, kInner}).output("y", {1, kColumns});
  if (written == Written::Plain) {
    graph.external("w", DataType::Float32, {kInner, kColumns}, 0, kBytes);
    return graph.add(node("MatMul", {"x", "w"}, {"y"}));
  }
  graph.external("w", DataType::Float32, {kColumns, kInner}, 0, kBytes);
  graph.add(node("Gemm", {"x", "w"}, {"y"}, {int_attribute("transB", 1)}));
  if (written == Written::Tied) {
    graph.input("id", {1}, DataType::Int64).output("e", {1, kInner});
    graph.add(node("Gather", {"w", "id"}, {"e"}));
  }
  return graph;
}

/// Writes the same matrix in either order.
void write_matrix(bool turned, MutableByteView to) {
  TORCHKEEP_CHECK(to.size() == kBytes);
  auto* next = reinterpret_cast<float*>(to.data());
  const std::int64_t rows = turned ? kColumns : kInner, columns = turned ? kInner : kColumns,
                     row_step = turned ? 17 : 31, column_step = turned ? 31 : 17;
  for (std::int64_t row = 0; row < rows; ++row) {
    std::int64_t number = row * row_step % 1009;
    for (std::int64_t column = 0; column < columns; ++column, ++next) {
      *next = static_cast<float>(number - 504) * 1e-3F;
      number += column_step;
      if (number >= 1009) number -= 1009;
    }
  }
}

/// Loads it from a stream, so that the test itself holds no parameters.
Result<std::unique_ptr<Model>> load_head(Written written) {
  const SecretBuffer graph = head(written).model();
  const PayloadHeader header{graph.size(), kBytes};
  Bytes start = encode_payload_header(header);
  start.insert(start.end(), graph.begin(), graph.end());
  start.resize(start.size() + header.padding_bytes(), 0);
  ByteView left = start;
  return Model::load(
      [&](MutableByteView out) -> Result<void> {
        if (left.empty()) {
          write_matrix(written != Written::Plain, out);
          return {};
        }
        std::ranges::copy(left.first(out.size()), out.begin());
        left = left.subspan(out.size());
        return {};
      },
      header.total_bytes());
}

struct Loaded {
  std::vector<float> answer;
  std::uint64_t parameter_bytes = 0;
  std::optional<std::uint64_t> peak;  // from before it is loaded until it is gone
};

Loaded load_and_run(Written written) {
  std::mt19937 random(5);
  std::vector<Tensor> inputs = one(random_tensor({1, kInner}, random));
  if (written == Written::Tied) inputs.push_back(tensor<std::int64_t>({1}, {5}, DataType::Int64));
  Loaded loaded;
  loaded.peak = torchkeep::testing::peak_growth([&] {
    const auto model = load_head(written);
    ASSERT_TRUE(model.ok()) << model.error();
    const auto outputs = (*model)->run(inputs);
    ASSERT_TRUE(outputs.ok()) << outputs.error();
    const auto answer = (*outputs)[0].elements<float>();
    loaded.answer.assign(answer.begin(), answer.end());
    loaded.parameter_bytes = (*model)->parameter_bytes();
  });
  return loaded;
}

void expect_within_limit(const Loaded& loaded) {
  // Others have panels that oneDNN chooses, and pack at once.
  if (!loaded.peak || !kernels::has_tiles()) return;
  EXPECT_LT(*loaded.peak, loaded.parameter_bytes * 115 / 100 + 64 * kMegabyte);
}

TEST(LargeMatrix, IsNeverInMemoryTwiceAndAnswersAsWhenPackedAtOnce) {
  const Loaded tied = load_and_run(Written::Tied);  // others read it: it is packed at once
  EXPECT_GE(tied.parameter_bytes, 2 * kBytes);
  expect_within_limit(tied);
  for (const Written written : {Written::Plain, Written::Turned}) {
    const Loaded alone = load_and_run(written);
    EXPECT_TRUE(alone.answer == tied.answer) << static_cast<int>(written);
    EXPECT_LT(alone.parameter_bytes, kBytes + kMegabyte);
    expect_within_limit(alone);
  }
  if (!tied.peak) GTEST_SKIP() << "resident memory says nothing here";
}

}  // namespace
}  // namespace torchkeep::runtime::testing
