// What becomes of quantised weights that must lie otherwise: their first form goes, if nobody else
// reads it.
#include <gtest/gtest.h>

#include "tests/runtime/optimise/quantised_graph.h"

namespace torchkeep::runtime::testing {
namespace {

/// x [2, 16] times weights of [9, 16], numbers of 8 bits both.
Quantised layer() {
  Quantised q(true);
  q.input("x", {2, 16}).quantise("x", "xq", 0.02F, DataType::UInt8, 128).dequantise("xq", "xf");
  q.weights("w", {9, 16}, 9, 0);
  q.add(node("Gemm", {"xf", "w-f"}, {"y"}, {int_attribute("transB", 1)}))
      .graph()
      .output("y", {2, 9});
  return q;
}

class QuantisedWeights : public Passes {
 protected:
  static const graph::Constant* find(const graph::Graph& graph, std::string_view name) {
    return std::ranges::find(graph.values, name, &graph::Value::name)->constant.get();
  }
  graph::Graph fused(Quantised& q) {
    graph::Graph graph = check(q.graph());
    EXPECT_TRUE(optimise::fuse_dequantize(graph).ok());
    return graph;
  }
};

TEST_F(QuantisedWeights, AreWipedOnceTheyAreTurned) {
  Quantised q = layer();
  const graph::Graph before = check(q.graph());
  const graph::Constant* numbers = find(before, "w");
  const ByteView memory = numbers->bytes();
  const auto offset = static_cast<std::size_t>(memory.data() - parameters().data());
  const graph::Graph after = fused(q);
  const graph::Node& product = after.nodes.back();
  EXPECT_EQ(product.op, "MatMul");
  EXPECT_TRUE(product.quantised);
  EXPECT_EQ(find(after, "w"), nullptr);
  EXPECT_TRUE(std::ranges::all_of(parameters().subspan(offset, std::size_t{9} * 16),
                                  [](std::uint8_t byte) { return byte == 0; }));
  EXPECT_EQ(after.values[product.inputs[1]].constant->shape(), (Shape{16, 9}));
}

TEST_F(QuantisedWeights, StayWhereOthersReadTheirNumbersOrTheirFloats) {
  for (const char* other : {"w", "w-f"}) {
    Quantised q = layer();
    q.graph().output(other, {9, 16},
                     other == std::string_view("w") ? DataType::Int8 : DataType::Float32);
    const graph::Graph after = fused(q);
    EXPECT_EQ(after.nodes.back().op, "MatMul");
    EXPECT_NE(find(after, "w"), nullptr) << other;
  }
}

TEST_F(QuantisedWeights, StayWhereTwoLayersShareThem) {
  Quantised q = layer();
  q.add(node("Gemm", {"xf", "w-f"}, {"z"}, {int_attribute("transB", 1)}))
      .graph()
      .output("z", {2, 9});
  const graph::Graph after = fused(q);
  EXPECT_NE(find(after, "w"), nullptr);
  for (const graph::Node& node : after.nodes) EXPECT_NE(node.op, "Gemm");
}

TEST_F(QuantisedWeights, StayWhereNothingIsCopied) {
  Quantised q(true);
  q.input("x", {2, 16}).quantise("x", "xq", 0.02F, DataType::UInt8, 128).dequantise("xq", "xf");
  q.weights("w", {16, 9}, 9, 1);
  q.add(node("MatMul", {"xf", "w-f"}, {"y"})).graph().output("y", {2, 9});
  const graph::Graph after = fused(q);
  ASSERT_NE(find(after, "w"), nullptr);
  EXPECT_EQ(after.values[after.nodes.back().inputs[1]].name, "w");
}

}  // namespace
}  // namespace torchkeep::runtime::testing
