// State that goes from one run to the next: in tensors that fit, and in memory with room that runs
// append to. Each is held against runs that get their state handed in.
#include "torchkeep/runtime/carried.h"

#include <gtest/gtest.h>

#include "tests/runtime/graph_builder.h"

namespace torchkeep::runtime::testing {
namespace {

/// How heads of queries get the keys that they share.
enum class Shared { Expand, Tile, TileAll, Indexed, Joined, Stacked, SplitUp };

struct Case {
  const char* name;
  std::int64_t batch = 1, heads = 4, groups = 4, width = 16;
  bool plainly_read = false;  ///< An operator that knows nothing of room reads the cache as well.
  bool grows = true;
  bool past_first = true;
  Shared shared = Shared::Expand;
};
void PrintTo(const Case& c, std::ostream* out) { *out << c.name; }

/// `from` [batch, groups, n, width] as [batch, heads, n, width], as exporters write it.
std::string share(GraphBuilder& graph, const Case& c, const std::string& from) {
  const std::int64_t each = c.heads / c.groups;
  const std::string all = from + "_all", raised = from + "_u", wide = from + "_e";
  const auto many = [&](const std::string& name) {
    return std::vector<std::string>(static_cast<std::size_t>(each), name);
  };
  if (c.shared == Shared::TileAll) graph.add(node("Tile", {from, "times"}, {all}));
  if (c.shared == Shared::Indexed)
    graph.add(node("Gather", {from, "which"}, {all}, {int_attribute("axis", 1)}));
  if (c.shared == Shared::Joined)
    graph.add(node("Concat", many(from), {all}, {int_attribute("axis", 1)}));
  if (c.shared == Shared::SplitUp) {
    std::vector<std::string> parts, done;
    for (std::int64_t i = 0; i < c.groups; ++i) {
      parts.push_back(text(from, "_part", i));
      done.push_back(parts.back() + "_all");
    }
    graph.add(node("Split", {from, "ones"}, parts, {int_attribute("axis", 1)}));
    for (std::size_t i = 0; i < parts.size(); ++i) {
      graph.add(node("Unsqueeze", {parts[i], "two"}, {parts[i] + "_u"}));
      graph.add(node("Expand", {parts[i] + "_u", "spread_part"}, {parts[i] + "_e"}));
      graph.add(node("Reshape", {parts[i] + "_e", "part"}, {done[i]}));
    }
    graph.add(node("Concat", done, {all}, {int_attribute("axis", 1)}));
  }
  if (c.shared != Shared::Expand && c.shared != Shared::Tile && c.shared != Shared::Stacked)
    return all;
  graph.add(node("Unsqueeze", {from, "two"}, {raised}));
  if (c.shared == Shared::Expand) graph.add(node("Expand", {raised, "spread"}, {wide}));
  if (c.shared == Shared::Tile) graph.add(node("Tile", {raised, "times_between"}, {wide}));
  if (c.shared == Shared::Stacked)
    graph.add(node("Concat", many(raised), {wide}, {int_attribute("axis", 2)}));
  graph.add(node("Reshape", {wide, "heads"}, {all}));
  return all;
}

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
  integers("times", {1, each, 1, 1});
  integers("times_between", {1, 1, each, 1, 1});
  integers("spread_part", {1, 1, each, 1, 1});
  integers("part", {0, each, -1, c.width});
  integers("ones", std::vector<std::int64_t>(static_cast<std::size_t>(c.groups), 1));
  std::vector<std::int64_t> which;
  for (std::int64_t i = 0; i < c.heads; ++i) which.push_back(i / each);
  integers("which", which);
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
    return each == 1 ? from : share(graph, c, from);
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
    ::testing::Values(
        Case{"OneHeadEach"}, Case{.name = "Batches", .batch = 3},
        Case{.name = "SharedHeads", .heads = 8, .groups = 2},
        Case{.name = "OneHeadForAll", .batch = 2, .heads = 4, .groups = 1},
        Case{.name = "Tiled", .heads = 8, .groups = 2, .shared = Shared::Tile},
        Case{.name = "TiledInTurn", .batch = 2, .heads = 8, .groups = 2, .shared = Shared::TileAll},
        Case{.name = "Indexed", .heads = 6, .groups = 2, .shared = Shared::Indexed},
        Case{.name = "Joined", .batch = 2, .heads = 6, .groups = 3, .shared = Shared::Joined},
        Case{.name = "Stacked", .heads = 6, .groups = 3, .shared = Shared::Stacked},
        Case{.name = "SplitUp", .batch = 2, .heads = 8, .groups = 4, .shared = Shared::SplitUp},
        Case{.name = "ReadByOthersToo", .batch = 2, .plainly_read = true},
        Case{.name = "NewOnesInFront", .grows = false, .past_first = false}),
    [](const auto& one) { return one.param.name; });

class SharedStates : public ::testing::TestWithParam<Shared> {};

TEST_P(SharedStates, AreReadWhereTheyLie) {
  // 64 KiB of keys, 256 KiB if they were there for each head.
  const Case c{.name = "Large", .heads = 8, .groups = 2, .width = 128, .shared = GetParam()};
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
  Carried state((*model)->inputs(), (*model)->outputs(), {{1, 3}, {2, 4}});
  std::vector<Tensor> held;
  for (int i = 0; i < 2; ++i) held.push_back(random_tensor({c.batch, c.groups, 3, 16}, random));
  std::int64_t length = 3;
  for (const std::int64_t rows : {2, 1, 7, 200, 1}) {
    std::vector<Tensor> plain, carried;
    for (const std::int64_t heads : {c.heads, c.groups, c.groups}) {
      const Shape shape =
          c.flat ? Shape{c.batch, rows, heads * 16} : Shape{c.batch, heads, rows, 16};
      plain.push_back(random_tensor(shape, random));
      carried.push_back(copy_of(plain.back()));
    }
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
    const auto one = floats((*found)[0]), other = floats((*wanted)[0]);
    ASSERT_EQ(one.size(), other.size());
    for (std::size_t i = 0; i < one.size(); ++i) ASSERT_NEAR(one[i], other[i], 1e-5) << i;
    for (const std::size_t output : {1, 2}) {
      const auto kept = state.copy(output);
      ASSERT_TRUE(kept);
      EXPECT_EQ(kept->shape, (Shape{c.batch, c.groups, length, 16}));
      EXPECT_EQ(floats(*kept), floats((*wanted)[output]));
    }
    EXPECT_EQ(state.roomy().empty(), c.shown);
    held.clear();
    for (const std::size_t output : {1, 2}) held.push_back(std::move((*wanted)[output]));
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
