// Runs whose state goes from one to the next, in tensors that fit and in memory with room that runs
// append to, answer as runs that get it handed in.
#include <gtest/gtest.h>

#include "tests/runtime/decoder.h"

namespace torchkeep::runtime::testing {
namespace {

Tensor copy_of(const Tensor& tensor) { return {tensor.dtype, tensor.shape, tensor.data}; }

/// Two states, keys and values, that a model gets in two ways: carried, and handed in with the
/// inputs behind all others.
class BothWays {
 public:
  /// `first` is what both states are before the first run.
  BothWays(Model& model, const std::vector<Link>& links, const Shape& first, std::mt19937& random)
      : model_(model), state_(model.inputs(), model.outputs(), links), kept_shape_(first) {
    for (int i = 0; i < 2; ++i) held_.push_back(random_tensor(first, random));
  }

  /// A run on `inputs`, which add `rows` to the states, answers the same in both.
  void run(std::vector<Tensor> inputs, std::int64_t rows) {
    std::vector<Tensor> carried;
    for (const Tensor& input : inputs) carried.push_back(copy_of(input));
    for (Tensor& one : held_) {
      carried.push_back(state_.empty() ? copy_of(one) : Tensor());
      inputs.push_back(std::move(one));
    }
    auto wanted = model_.run(inputs);
    ASSERT_TRUE(wanted) << wanted.error();
    const auto found = model_.run(std::move(carried), state_);
    ASSERT_TRUE(found) << found.error();
    state_.accept();
    EXPECT_EQ((*found)[0].shape, (*wanted)[0].shape);
    const auto one = floats((*found)[0]), other = floats((*wanted)[0]);
    ASSERT_EQ(one.size(), other.size());
    for (std::size_t i = 0; i < one.size(); ++i) ASSERT_NEAR(one[i], other[i], 1e-5) << i;
    kept_shape_[2] += rows;
    held_.clear();
    for (const std::size_t output : {1, 2}) {
      EXPECT_TRUE((*found)[output].data.empty());
      const auto kept = state_.copy(output);
      ASSERT_TRUE(kept);
      EXPECT_EQ(kept->shape, kept_shape_);
      EXPECT_EQ(floats(*kept), floats((*wanted)[output]));
      held_.push_back(std::move((*wanted)[output]));
    }
  }
  /// Whether runs append to the states where they lie.
  bool grows() { return !state_.roomy().empty(); }

 private:
  Model& model_;
  Carried state_;
  std::vector<Tensor> held_;
  Shape kept_shape_;
};

class CarriedStates : public ::testing::TestWithParam<Decoder> {};

TEST_P(CarriedStates, AnswerAsRunsThatGetTheirStateHandedIn) {
  const Decoder& c = GetParam();
  std::mt19937 random(5);
  const auto model = load(decoder(c), {.threads = 2});
  ASSERT_TRUE(model) << model.error();
  BothWays both(**model, kLinks, {c.batch, c.groups, 3, c.width}, random);
  // One by one, then more than there is room for, then few again.
  for (const std::int64_t rows : {2, 1, 1, 7, 200, 1, 0, 1}) {
    both.run(one(random_tensor({c.batch, c.heads, rows, c.width}, random)), rows);
    if (HasFatalFailure()) return;
    EXPECT_EQ(both.grows(), c.grows);
  }
}

INSTANTIATE_TEST_SUITE_P(
    All, CarriedStates,
    ::testing::Values(
        Decoder{"OneHeadEach"}, Decoder{.name = "Batches", .batch = 3},
        Decoder{.name = "SharedHeads", .heads = 8, .groups = 2},
        Decoder{.name = "OneHeadForAll", .batch = 2, .heads = 4, .groups = 1},
        Decoder{.name = "Tiled", .heads = 8, .groups = 2, .shared = Shared::Tile},
        Decoder{
            .name = "TiledInTurn", .batch = 2, .heads = 8, .groups = 2, .shared = Shared::TileAll},
        Decoder{.name = "Indexed", .heads = 6, .groups = 2, .shared = Shared::Indexed},
        Decoder{.name = "Joined", .batch = 2, .heads = 6, .groups = 3, .shared = Shared::Joined},
        Decoder{.name = "Stacked", .heads = 6, .groups = 3, .shared = Shared::Stacked},
        Decoder{.name = "SplitUp", .batch = 2, .heads = 8, .groups = 4, .shared = Shared::SplitUp},
        Decoder{.name = "ReadByOthersToo", .batch = 2, .plainly_read = true},
        Decoder{.name = "NewOnesInFront", .grows = false, .past_first = false}),
    [](const auto& one) { return one.param.name; });
class ExportedStates : public ::testing::TestWithParam<const char*> {};

// Layers that PyTorch exported, made by tests/runtime/vectors/make_shared_heads.py.
TEST_P(ExportedStates, AnswerAsRunsThatGetTheirStateHandedIn) {
  const Path folder =
      Path(TORCHKEEP_TESTS_FOLDER) / "runtime/vectors/pytorch" / text("shared_heads_", GetParam());
  std::mt19937 random(4);
  const auto model = Model::load_onnx(folder / "model.onnx", {.threads = 2});
  ASSERT_TRUE(model) << model.error();
  BothWays both(**model, kLinks, {2, 2, 3, 8}, random);
  for (const std::int64_t rows : {1, 4, 1, 90, 1}) {
    both.run(one(random_tensor({2, rows, 32}, random)), rows);
    if (HasFatalFailure()) return;
    EXPECT_TRUE(both.grows());
  }
}

INSTANTIATE_TEST_SUITE_P(All, ExportedStates,
                         ::testing::Values("expand", "repeat", "repeat_in_turn",
                                           "repeat_interleave", "index", "cat", "stack",
                                           "in_functions"),
                         [](const auto& one) { return std::string(one.param); });

class SharedStates : public ::testing::TestWithParam<Shared> {};

TEST_P(SharedStates, AreReadWhereTheyLie) {
  // 64 KiB of keys, 256 KiB if they were there for each head.
  const Decoder c{.name = "Large", .heads = 8, .groups = 2, .width = 128, .shared = GetParam()};
  const auto model = load(decoder(c), {.threads = 1, .max_activation_bytes = 60'000});
  ASSERT_TRUE(model) << model.error();
  Carried state((*model)->inputs(), (*model)->outputs(), kLinks);
  std::mt19937 random(7);
  std::vector<Tensor> inputs;
  inputs.push_back(random_tensor({1, 8, 1, 128}, random));
  for (int i = 0; i < 2; ++i) inputs.push_back(random_tensor({1, 2, 64, 128}, random));
  const auto found = (*model)->run(std::move(inputs), state);
  EXPECT_TRUE(found) << found.error();
}

INSTANTIATE_TEST_SUITE_P(All, SharedStates,
                         ::testing::Values(Shared::Expand, Shared::Tile, Shared::TileAll,
                                           Shared::Indexed, Shared::Joined, Shared::Stacked,
                                           Shared::SplitUp));
/// q, k and v [batch, n, heads * width] with the operator that keeps a past by itself.
GraphBuilder attending(bool shown, bool flat, std::int64_t heads, std::int64_t groups) {
  GraphBuilder graph;
  const auto side = [&](std::int64_t count) {
    return flat ? Shape{-1, -1, count * 16} : Shape{-1, count, -1, 16};
  };
  graph.input("q", side(heads)).input("k", side(groups)).input("v", side(groups));
  graph.input("pk", {-1, groups, -1, 16}).input("pv", {-1, groups, -1, 16});
  graph.output("y", side(heads)).output("k2", {-1, groups, -1, 16});
  graph.output("v2", {-1, groups, -1, 16});
  if (shown) graph.output("s", {-1, heads, -1, -1});
  std::vector<Message> attributes{int_attribute("is_causal", 1)};
  if (flat) {
    attributes.push_back(int_attribute("q_num_heads", heads));
    attributes.push_back(int_attribute("kv_num_heads", groups));
  }
  std::vector<std::string> outputs{"y", "k2", "v2"};
  if (shown) outputs.push_back("s");
  graph.add(node("Attention", {"q", "k", "v", "", "pk", "pv"}, outputs, attributes));
  return graph;
}

struct Attending {
  const char* name;
  bool flat = false, shown = false;
  std::int64_t batch = 1, heads = 4, groups = 4;
};
void PrintTo(const Attending& c, std::ostream* out) { *out << c.name; }
class AttendingStates : public ::testing::TestWithParam<Attending> {};
TEST_P(AttendingStates, AnswerAsRunsThatGetTheirStateHandedIn) {
  const Attending& c = GetParam();
  std::mt19937 random(9);
  const auto model =
      load(attending(c.shown, c.flat, c.heads, c.groups).payload(23), {.threads = 2});
  ASSERT_TRUE(model) << model.error();
  BothWays both(**model, {{1, 3}, {2, 4}}, {c.batch, c.groups, 3, 16}, random);
  for (const std::int64_t rows : {2, 1, 7, 200, 1}) {
    std::vector<Tensor> inputs;
    for (const std::int64_t heads : {c.heads, c.groups, c.groups}) {
      inputs.push_back(random_tensor(
          c.flat ? Shape{c.batch, rows, heads * 16} : Shape{c.batch, heads, rows, 16}, random));
    }
    both.run(std::move(inputs), rows);
    if (HasFatalFailure()) return;
    EXPECT_EQ(both.grows(), !c.shown);
  }
}

INSTANTIATE_TEST_SUITE_P(
    All, AttendingStates,
    ::testing::Values(
        Attending{"HeadsApart"}, Attending{.name = "HeadsSideBySide", .flat = true},
        Attending{.name = "SharedHeads", .batch = 3, .heads = 8, .groups = 2},
        Attending{.name = "SharedSideBySide", .flat = true, .batch = 2, .heads = 8, .groups = 2},
        Attending{.name = "ShownScores", .shown = true}),
    [](const auto& one) { return one.param.name; });
}  // namespace
}  // namespace torchkeep::runtime::testing
