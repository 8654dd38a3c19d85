// Large matrices are packed some columns at a time: nothing is lost, and nothing stays.
#include "torchkeep/runtime/kernels/staged_packing.h"

#include <gtest/gtest.h>

#include "tests/runtime/graph_builder.h"

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

TEST(StageColumns, AreWholePanelsOfAStageOrAllThereAre) {
  EXPECT_EQ(kernels::stage_columns({1024, 24 * 1024}, 96 * kMegabyte), 8 * 1024) << "32 MiB";
  EXPECT_EQ(kernels::stage_columns({1024, 24 * 1024 + 7}, 96 * kMegabyte), 8 * 1024);
  EXPECT_EQ(kernels::stage_columns({1024, 100}, 96 * kMegabyte), 128);
  EXPECT_EQ(kernels::stage_columns({17, 1}, kMegabyte), 64);
  EXPECT_EQ(kernels::stage_columns({std::int64_t{1} << 20, 4096}, 16'384 * kMegabyte), 512);
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

}  // namespace
}  // namespace torchkeep::runtime::testing
