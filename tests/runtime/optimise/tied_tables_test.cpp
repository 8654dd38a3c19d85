// Tables of floats that a lookup and a head share: which become one in panels, which must stay as
// they are, and answers as of tables that each reader has for itself.
#include <gmock/gmock.h>

#include "torchkeep/runtime/kernels/tiles.h"

#include "tests/runtime/doubling.h"
#include "tests/runtime/optimise/passes.h"

namespace torchkeep::runtime::testing {
namespace {

using ::testing::ElementsAre;

constexpr std::int64_t kRows = 190, kWidth = 33;  // three panels and three times sixteen inputs
constexpr std::uint64_t kPackedBytes = 192 * 48 * sizeof(float);

/// Adds y, `x` times the transpose of `table`, as one exporter writes it or another.
void add_head(GraphBuilder& graph, bool is_gemm, const std::string& x, const std::string& table,
              const std::string& y) {
  if (is_gemm) {
    graph.add(node("Gemm", {x, table}, {y}, {int_attribute("transB", 1)}));
    return;
  }
  graph.add(node("Transpose", {table}, {y + "_t"}, {ints_attribute("perm", {1, 0})}));
  graph.add(node("MatMul", {x, y + "_t"}, {y}));
}

/// The rows `e` of w [rows, width] that `ids` name.
GraphBuilder rows_of(std::int64_t rows, std::int64_t width) {
  std::mt19937 random(3);
  GraphBuilder graph;
  graph.input("ids", {-1}, DataType::Int64).output("e", {-1, width});
  graph.random_weights("w", {rows, width}, 1, random);
  return graph.add(node("Gather", {"w", "ids"}, {"e"}));
}
GraphBuilder looked_up() { return rows_of(kRows, kWidth); }

/// The same, and x times w turned over.
GraphBuilder tied(bool is_gemm, std::int64_t rows = kRows, std::int64_t width = kWidth) {
  GraphBuilder graph = rows_of(rows, width);
  graph.input("x", {-1, width}).output("y", {-1, rows});
  add_head(graph, is_gemm, "x", "w", "y");
  return graph;
}

class TiedTables : public Passes {
 protected:
  graph::Graph fused(const GraphBuilder& builder) {
    graph::Graph graph = check(builder);
    optimise::fuse_turned_weights(graph);
    optimise::fuse_scale(graph);
    EXPECT_TRUE(optimise::fuse_tied_tables(graph, machine_).ok());
    return graph;
  }
  dnn::Machine machine_;
};

TEST_F(TiedTables, LieOnceInPanelsForAllThatReadThem) {
  if (!kernels::has_tiles()) GTEST_SKIP() << "products read no panels of ours";
  for (const bool is_gemm : {false, true}) {
    const graph::Graph graph = fused(tied(is_gemm));
    ASSERT_THAT(operators(graph), ElementsAre("Gather", is_gemm ? "Gemm" : "MatMul"));
    for (const graph::Node& node : graph.nodes) EXPECT_EQ(node.panels, (Shape{kWidth, kRows}));
    EXPECT_EQ(graph.nodes[0].inputs[0], graph.nodes[1].inputs[1]);
    const graph::Value& table = graph.values[graph.nodes[0].inputs[0]];
    EXPECT_EQ(std::as_const(*table.constant).bytes().size(), kPackedBytes);
    EXPECT_TRUE(std::ranges::all_of(parameters(), [](std::uint8_t byte) { return byte == 0; }))
        << "the table as it came is wiped";
  }
}

struct Left {
  const char* name;
  std::function<GraphBuilder()> make;
};
void PrintTo(const Left& left, std::ostream* out) { *out << left.name; }

class TablesLeft : public TiedTables, public ::testing::WithParamInterface<Left> {};

TEST_P(TablesLeft, StayAsTheyCame) {
  const GraphBuilder builder = GetParam().make();
  const graph::Graph graph = fused(builder);
  for (const graph::Node& node : graph.nodes) EXPECT_FALSE(node.panels) << node.op;
  EXPECT_TRUE(std::ranges::equal(parameters(), builder.data()));
}

/// A table that is shared, and another node that makes z.
GraphBuilder with(bool is_gemm, const Message& node, const Shape& output) {
  return tied(is_gemm).output("z", output).add(node);
}

/// A table and its lookup, x, and a Gemm that is no head of it.
GraphBuilder with_gemm(const Shape& x, const std::vector<Message>& attributes) {
  GraphBuilder graph = looked_up();
  return graph.input("x", x).output("y", {-1, -1}).add(node("Gemm", {"x", "w"}, {"y"}, attributes));
}

GraphBuilder without_a_lookup() {
  GraphBuilder graph;
  graph.input("x", {-1, kWidth}).output("y", {-1, kRows});
  graph.weights("w", {kRows, kWidth}, std::vector<float>(kRows * kWidth, 1));
  add_head(graph, false, "x", "w", "y");
  return graph;
}

GraphBuilder read_by_a_branch() {
  const auto branch = [](std::string_view op) {
    return Message().message(1, node(op, {"w"}, {"r"})).message(12, port("r", {-1, -1}));
  };
  const Message choice = node("If", {"yes"}, {"z"},
                              {graph_attribute("then_branch", branch("Neg")),
                               graph_attribute("else_branch", branch("Abs"))});
  return with(true, choice, {kRows, kWidth}).input("yes", {}, DataType::Bool);
}

GraphBuilder computed() {
  GraphBuilder graph;
  graph.input("w", {kRows, kWidth}).input("ids", {-1}, DataType::Int64).input("x", {-1, kWidth});
  graph.output("e", {-1, kWidth}).output("y", {-1, kRows});
  add_head(graph, true, "x", "w", "y");
  return graph.add(node("Gather", {"w", "ids"}, {"e"}));
}

GraphBuilder scaled() {
  GraphBuilder graph = looked_up();
  graph.input("x", {-1, kWidth}).output("y", {-1, kRows}).weights("half", {}, {0.5F});
  add_head(graph, false, "x", "w", "p");
  return graph.add(node("Mul", {"p", "half"}, {"y"}));
}

GraphBuilder of_half_floats() {
  GraphBuilder graph;
  graph.input("ids", {-1}, DataType::Int64).input("x", {-1, kWidth}, DataType::Float16);
  graph.output("e", {-1, kWidth}, DataType::Float16).output("y", {-1, kRows}, DataType::Float16);
  graph.initializer("w", DataType::Float16, {kRows, kWidth},
                    std::vector<std::uint16_t>(kRows * kWidth, 0x3C00));
  add_head(graph, true, "x", "w", "y");
  return graph.add(node("Gather", {"w", "ids"}, {"e"}));
}

const Message kColumns = node("Gather", {"w", "ids"}, {"z"}, {int_attribute("axis", 1)}),
              kLeftSide = node("MatMul", {"w", "v"}, {"z"});

INSTANTIATE_TEST_SUITE_P(
    All, TablesLeft,
    ::testing::Values(Left{"WithoutAHead", looked_up}, Left{"WithoutALookup", without_a_lookup},
                      Left{"HandedOut",
                           [] {
                             return tied(true).output("w", {kRows, kWidth});
                           }},
                      Left{"HandedOutTurnedOver",
                           [] {
                             return tied(false).output("y_t", {kWidth, kRows});
                           }},
                      Left{"OfAnotherOperatorToo",
                           [] {
                             return with(true, node("Neg", {"w"}, {"z"}), {kRows, kWidth});
                           }},
                      Left{"WhoseColumnsAreLookedUpToo",
                           [] {
                             return with(false, kColumns, {kRows, -1});
                           }},
                      Left{"OfAProductAsTheyLieToo",
                           [] {
                             return with(false, node("MatMul", {"y", "w"}, {"z"}), {-1, kWidth});
                           }},
                      Left{"OnALeftSideToo",
                           [] { return with(true, kLeftSide, {kRows}).input("v", {kWidth}); }},
                      Left{"OfABranchToo", read_by_a_branch}, Left{"Computed", computed},
                      Left{"TooNarrow", [] { return tied(true, 15); }},
                      Left{"WhoseLastPanelIsMostlyEmpty", [] { return tied(false, 70); }},
                      Left{"WithoutAWidth", [] { return tied(true, kRows, 0); }},
                      Left{"OfAScaledProduct", scaled},
                      Left{"OfAGemmThatScales",
                           [] {
                             return with_gemm({-1, kWidth}, {int_attribute("transB", 1),
                                                             float_attribute("alpha", 2)});
                           }},
                      Left{"OfAGemmThatTurnsItsInput",
                           [] {
                             return with_gemm({kWidth, -1}, {int_attribute("transB", 1),
                                                             int_attribute("transA", 1)});
                           }},
                      Left{"OfAGemmThatDoesNotTurnThem",
                           [] {
                             return with_gemm({-1, kRows}, {});
                           }},
                      Left{"OfHalfFloats", of_half_floats}),
    [](const auto& one) { return one.param.name; });

}  // namespace
}  // namespace torchkeep::runtime::testing
