#pragma once

#include <functional>

#include <gmock/gmock.h>

#include "tests/runtime/graph_builder.h"

/// What the tests of wrong graphs share: small graphs to go wrong from, and how a fault is told.
namespace torchkeep::runtime::testing {

/// From x [2, 3] to y [2, 3], by nodes that are yet to be added.
inline GraphBuilder small() { return GraphBuilder().input("x", {2, 3}).output("y", {2, 3}); }

/// A convolution of an image with one weight of value 1, with these attributes.
inline GraphBuilder convolution(const std::vector<Message>& attributes,
                                const Shape& weights = {1, 1, 1, 1},
                                const Shape& image = {1, 1, 4, 4}) {
  GraphBuilder graph;
  graph.input("x", image).output("y", {-1, -1, -1, -1});
  graph.weights("w", weights, std::vector<float>(element_count(weights).value(), 1.0F));
  return graph.add(node("Conv", {"x", "w"}, {"y"}, attributes, "/conv"));
}

struct Fault {
  const char* name;
  std::function<GraphBuilder()> make;
  const char* words;
};

/// Malformed, in words that hold those of the fault.
inline void expect_refused(const Fault& fault) {
  const auto model = load(fault.make());
  ASSERT_FALSE(model.ok());
  EXPECT_EQ(model.error().code, ErrorCode::Malformed) << model.error();
  EXPECT_THAT(model.error().message, ::testing::HasSubstr(fault.words));
}

}  // namespace torchkeep::runtime::testing
