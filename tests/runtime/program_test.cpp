// Plans that end where elements decide what comes next form a tree, which has a bound.
#include "torchkeep/runtime/plan/program.h"

#include <bit>

#include <gtest/gtest.h>

#include "torchkeep/runtime/graph/check.h"
#include "torchkeep/runtime/kernels/registry.h"

#include "tests/runtime/graph_builder.h"

namespace torchkeep::runtime::testing {
namespace {

constexpr std::size_t kElements = 6, kMaxPlans = 2;

/// y is how many of the elements of x [6] are not 0, found one by one: after each, a new plan.
GraphBuilder counting() {
  GraphBuilder graph;
  graph.input("x", {kElements}).output("y", {1, -1}, DataType::Int64);
  std::vector<std::string> parts, places;
  for (std::size_t i = 0; i < kElements; ++i) {
    parts.push_back(text("part", i));
    places.push_back(text("places", i));
  }
  graph.add(node("Split", {"x"}, parts, {int_attribute("axis", 0)}));
  for (std::size_t i = 0; i < kElements; ++i) graph.add(node("NonZero", {parts[i]}, {places[i]}));
  return graph.add(node("Concat", places, {"y"}, {int_attribute("axis", 1)}));
}

// Two lengths after each of six nodes: 127 plans, of which 2 at each place and 32 in all are kept.
TEST(Programs, KeepSoManyPlansAndNoMore) {
  const GraphBuilder builder = counting();
  const SecretBuffer model = builder.model();
  const graph::Graph graph =
      graph::check_graph(model, std::make_shared<SecretBytes>(SecretBytes::copy_of(builder.data())))
          .value();
  std::vector<kernels::KernelPointer> kernels;
  std::vector<plan::Item> items;
  for (const graph::Node& node : graph.nodes) {
    kernels.push_back(kernels::make_kernel(graph, node).value());
    items.push_back({&node, kernels.back().get(), nullptr});
  }
  plan::Program program(graph, items, graph.inputs, graph.outputs, {1 << 20, kMaxPlans});
  dnn::Machine machine;
  Pool pool(1);
  plan::Context context{machine, pool, 1 << 20};
  std::size_t most = 0;
  for (int round = 0; round < 2; ++round) {
    for (unsigned bits = 0; bits < (1U << kElements); ++bits) {
      std::vector<float> x;
      for (std::size_t i = 0; i < kElements; ++i) x.push_back((bits >> i & 1U) != 0 ? 1.0F : 0.0F);
      const Tensor input = tensor({kElements}, x);
      const std::vector<plan::View> views{plan::View::of(input)};
      const auto outputs = program.run(views, {false}, context);
      ASSERT_TRUE(outputs) << outputs.error();
      EXPECT_EQ((*outputs)[0].shape, (Shape{1, std::popcount(bits)}));
      most = std::max(most, program.plans());
    }
  }
  EXPECT_GT(most, 16 * kMaxPlans / 2);
  // What one run adds comes on top, until the next one begins.
  EXPECT_LE(most, 16 * kMaxPlans + kElements + 1);
}

}  // namespace
}  // namespace torchkeep::runtime::testing
