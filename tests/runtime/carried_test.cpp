// State that goes from one run to the next: in tensors that fit, and in memory with room that runs
// append to. Each is held against runs that get their state handed in.
#include "torchkeep/runtime/carried.h"

#include <gtest/gtest.h>

#include "tests/runtime/graph_builder.h"

namespace torchkeep::runtime::testing {
namespace {

struct Case {
  const char* name;
  std::int64_t batch = 1, heads = 4, groups = 4, width = 16;
  bool plainly_read = false;  ///< An operator that knows nothing of room reads the cache as well.
  bool grows = true;
  bool past_first = true;
};
void PrintTo(const Case& c, std::ostream* out) { *out << c.name; }

/// x [batch, heads, n, width] attends to all x so far: keys and values are the first `groups` heads
/// of x, each for several heads, and outputs k and v are kept.
GraphBuilder decoder(const Case& c) {
  const std::int64_t each = c.heads / c.groups;
  GraphBuilder graph;
  graph.input("x", {-1, c.heads, -1, c.width});
  graph.input("past_k", {-1, c.groups, -1, c.width}).input("past_v", {-1, c.groups, -1, c.width});
  graph.output("y", {-1, c.heads, -1, c.width});
  graph.output("k", {-1, c.groups, -1, c.width}).output("v", {-1, c.groups, -1, c.width});
  graph.weights("half", {}, {0.5F});
  const auto integers = [&](std::string_view name, const std::vector<std::int64_t>& values) {
    graph.initializer(name, DataType::Int64, {static_cast<std::int64_t>(values.size())}, values);
  };
  integers("zero", {0});
  integers("one", {1});
  integers("two", {2});
  integers("groups", {c.groups});
  integers("spread", {1, c.groups, each, 1, 1});
  integers("heads", {0, c.heads, -1, c.width});
  graph.add(node("Slice", {"x", "zero", "groups", "one"}, {"new"}));
  graph.add(node("Mul", {"new", "half"}, {"new_v"}));
  const auto join = [&](const std::string& past, const std::string& more, const std::string& to) {
    const std::vector<std::string> inputs =
        c.past_first ? std::vector{past, more} : std::vector{more, past};
    graph.add(node("Concat", inputs, {to}, {int_attribute("axis", -2)}));
  };
  join("past_k", "new", "k");
  join("past_v", "new_v", "v");
  const auto shared = [&](const std::string& from) -> std::string {
    if (each == 1) return from;
    graph.add(node("Unsqueeze", {from, "two"}, {from + "_u"}));
    graph.add(node("Expand", {from + "_u", "spread"}, {from + "_e"}));
    graph.add(node("Reshape", {from + "_e", "heads"}, {from + "_all"}));
    return from + "_all";
  };
  const std::string keys = shared("k"), values = shared("v");
  graph.add(node("Transpose", {keys}, {"kt"}, {ints_attribute("perm", {0, 1, 3, 2})}));
  graph.add(node("MatMul", {"x", "kt"}, {"s"}));
  graph.add(node("Softmax", {"s"}, {"p"}, {int_attribute("axis", -1)}));
  graph.add(node("MatMul", {"p", values}, {c.plainly_read ? "mixed" : "y"}));
  if (c.plainly_read) {
    graph.add(node("ReduceSum", {"v", "two"}, {"sum"}));
    graph.add(node("ReduceMean", {"sum"}, {"mean"}));
    graph.add(node("Add", {"mixed", "mean"}, {"y"}));
  }
  return graph;
}

const std::vector<Link> kLinks = {{1, 1}, {2, 2}};

Tensor copy_of(const Tensor& tensor) { return {tensor.dtype, tensor.shape, tensor.data}; }

std::vector<float> floats(const Tensor& tensor) {
  const auto view = tensor.elements<float>();
  return {view.begin(), view.end()};
}

class CarriedStates : public ::testing::TestWithParam<Case> {};

TEST_P(CarriedStates, AnswerAsRunsThatGetTheirStateHandedIn) {
  const Case& c = GetParam();
  std::mt19937 random(5);
  const auto model = load(decoder(c), {.threads = 2});
  ASSERT_TRUE(model) << model.error();
  Carried state((*model)->inputs(), (*model)->outputs(), kLinks);
  std::vector<Tensor> held;
  held.push_back(random_tensor({c.batch, c.groups, 3, c.width}, random));
  held.push_back(random_tensor({c.batch, c.groups, 3, c.width}, random));
  std::int64_t length = 3;
  // One by one, then more than there is room for, then few again.
  for (const std::int64_t rows : {2, 1, 1, 7, 200, 1, 0, 1}) {
    const Tensor x = random_tensor({c.batch, c.heads, rows, c.width}, random);
    std::vector<Tensor> plain, carried;
    plain.push_back(copy_of(x));
    carried.push_back(copy_of(x));
    for (Tensor& one : held) {
      carried.push_back(state.empty() ? copy_of(one) : Tensor());
      plain.push_back(std::move(one));
    }
    auto wanted = (*model)->run(plain);
    ASSERT_TRUE(wanted) << wanted.error();
    const auto found = (*model)->run(std::move(carried), state);
    ASSERT_TRUE(found) << found.error();
    state.accept();
    length += rows;
    EXPECT_EQ((*found)[0].shape, (*wanted)[0].shape);
    const auto one = floats((*found)[0]), other = floats((*wanted)[0]);
    for (std::size_t i = 0; i < one.size(); ++i) ASSERT_NEAR(one[i], other[i], 1e-5) << i;
    EXPECT_TRUE((*found)[1].data.empty());
    for (const std::size_t output : {1, 2}) {
      const auto kept = state.copy(output);
      ASSERT_TRUE(kept);
      EXPECT_EQ(kept->shape, (Shape{c.batch, c.groups, length, c.width}));
      EXPECT_EQ(floats(*kept), floats((*wanted)[output]));
    }
    EXPECT_EQ(!state.roomy().empty(), c.grows);
    held.clear();
    held.push_back(std::move((*wanted)[1]));
    held.push_back(std::move((*wanted)[2]));
  }
}

INSTANTIATE_TEST_SUITE_P(
    All, CarriedStates,
    ::testing::Values(Case{"OneHeadEach"}, Case{.name = "Batches", .batch = 3},
                      Case{.name = "SharedHeads", .heads = 8, .groups = 2},
                      Case{.name = "OneHeadForAll", .batch = 2, .heads = 4, .groups = 1},
                      Case{.name = "ReadByOthersToo", .batch = 2, .plainly_read = true},
                      Case{.name = "NewOnesInFront", .grows = false, .past_first = false}),
    [](const auto& one) { return one.param.name; });

/// A state after one run of three rows.
struct Started {
  Started() : model(load(decoder(Case{"Started"})).value()) {
    std::vector<Tensor> inputs = rows(3);
    for (int i = 0; i < 2; ++i) inputs.push_back(random_tensor({1, 4, 0, 16}, random));
    EXPECT_TRUE(model->run(std::move(inputs), state));
    state.accept();
  }
  std::vector<Tensor> rows(std::int64_t count, std::int64_t width = 16) {
    std::vector<Tensor> inputs;
    inputs.push_back(random_tensor({1, 4, count, width}, random));
    return inputs;
  }
  Result<std::vector<Tensor>> step(std::int64_t count, std::int64_t width = 16) {
    std::vector<Tensor> inputs = rows(count, width);
    inputs.resize(3);
    return model->run(std::move(inputs), state);
  }
  std::int64_t length() const { return state.copy(1)->shape[2]; }

  std::mt19937 random{3};
  std::unique_ptr<Model> model;
  Carried state{model->inputs(), model->outputs(), kLinks};
};

TEST(Carried, IsTakenBackUnlessARunIsAccepted) {
  Started s;
  const auto before = floats(*s.state.copy(1));
  ASSERT_TRUE(s.step(2));
  EXPECT_EQ(s.length(), 5);
  s.state.take_back();
  EXPECT_EQ(s.length(), 3);
  EXPECT_EQ(floats(*s.state.copy(1)), before);
  ASSERT_TRUE(s.step(1));
  s.state.accept();
  s.state.take_back();
  EXPECT_EQ(s.length(), 4);
}

TEST(Carried, OfAFirstRunThatIsTakenBackIsEmpty) {
  Started s;
  Carried fresh(s.model->inputs(), s.model->outputs(), kLinks);
  std::vector<Tensor> inputs = s.rows(1);
  for (int i = 0; i < 2; ++i) inputs.push_back(random_tensor({1, 4, 2, 16}, s.random));
  ASSERT_TRUE(s.model->run(std::move(inputs), fresh));
  fresh.take_back();
  EXPECT_TRUE(fresh.empty());
  EXPECT_EQ(fresh.bytes(), 0u);
}

TEST(Carried, IsWhatItWasAfterARunThatFails) {
  Started s;
  const auto before = floats(*s.state.copy(2));
  EXPECT_EQ(s.step(1, 17).error().code, ErrorCode::InvalidArgument);
  std::vector<Tensor> batches;
  batches.push_back(random_tensor({2, 4, 1, 16}, s.random));
  batches.resize(3);
  EXPECT_EQ(s.model->run(std::move(batches), s.state).error().code, ErrorCode::Malformed);
  EXPECT_EQ(floats(*s.state.copy(2)), before);
  EXPECT_TRUE(s.step(1));
}

TEST(Carried, TakesNoMoreMemoryThanItMay) {
  Started s;
  s.state.max_bytes = s.state.bytes();
  const std::int64_t room = s.state.roomy()[0].memory.shape[2];
  ASSERT_TRUE(s.step(room - 3));
  s.state.accept();
  EXPECT_EQ(s.step(1).error().code, ErrorCode::Unavailable);
  EXPECT_EQ(s.length(), room);
  s.state.max_bytes += 2 * 4 * 16 * sizeof(float);  // a row of keys and one of values
  ASSERT_TRUE(s.step(1));
  s.state.accept();
  EXPECT_EQ(s.state.bytes(), s.state.max_bytes);
}

TEST(Carried, WantsAsManyInputsAsTheModelHas) {
  Started s;
  EXPECT_EQ(s.model->run(s.rows(1), s.state).error().code, ErrorCode::InvalidArgument);
}

struct BadLinks {
  const char* name;
  std::vector<Link> links;
};
void PrintTo(const BadLinks& bad, std::ostream* out) { *out << bad.name; }
class Links : public ::testing::TestWithParam<BadLinks> {};

TEST_P(Links, ThatDoNotHoldAreRefused) {
  const std::vector<Port> inputs = {{"a", DataType::Float32, {-1, 2}},
                                    {"b", DataType::Int64, {-1, 2}},
                                    {"c", DataType::Float32, {-1, 2, 1}},
                                    {"d", DataType::Float32, {-1, 3}}};
  const std::vector<Port> outputs = {{"y", DataType::Float32, {-1, 2}},
                                     {"z", DataType::Float32, {-1, -1}}};
  EXPECT_EQ(check_links(inputs, outputs, GetParam().links).error().code,
            ErrorCode::InvalidArgument);
}

INSTANTIATE_TEST_SUITE_P(All, Links,
                         ::testing::Values(BadLinks{"None", {}}, BadLinks{"NoSuchOutput", {{2, 0}}},
                                           BadLinks{"NoSuchInput", {{0, 4}}},
                                           BadLinks{"AnotherType", {{0, 1}}},
                                           BadLinks{"AnotherRank", {{0, 2}}},
                                           BadLinks{"AnotherSide", {{0, 3}}},
                                           BadLinks{"AnOutputTwice", {{1, 0}, {1, 3}}},
                                           BadLinks{"AnInputTwice", {{0, 0}, {1, 0}}}),
                         [](const auto& one) { return one.param.name; });

TEST(EmptyState, HasTheBatchAndNothingElse) {
  const auto state = make_empty_state({"s", DataType::Float32, {-1, 4, -1, 8}}, 3);
  ASSERT_TRUE(state);
  EXPECT_EQ(state->shape, (Shape{3, 4, 0, 8}));
  EXPECT_EQ(make_empty_state({"s", DataType::Float32, {-1, 4}}, 3).error().code,
            ErrorCode::InvalidArgument);
  EXPECT_EQ(make_empty_state({"s", DataType::Float32, {2, 4}}, 3).error().code,
            ErrorCode::InvalidArgument);
}

}  // namespace
}  // namespace torchkeep::runtime::testing
