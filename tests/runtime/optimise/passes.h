#pragma once

#include <gtest/gtest.h>

#include "torchkeep/runtime/graph/check.h"
#include "torchkeep/runtime/optimise/optimise.h"

#include "tests/runtime/graph_builder.h"

namespace torchkeep::runtime::testing {

/// A graph before and after passes.
class Passes : public ::testing::Test {
 protected:
  /// The graph's names are views into the bytes that are kept here.
  graph::Graph check(const GraphBuilder& builder) { return check(builder, builder.model()); }
  graph::Graph check(const GraphBuilder& builder, SecretBuffer model) {
    model_ = std::move(model);
    parameters_ = std::make_shared<SecretBytes>(SecretBytes::copy_of(builder.data()));
    return graph::check_graph(model_, parameters_).value();
  }
  static std::vector<std::string> operators(const graph::Graph& graph) {
    std::vector<std::string> names;
    for (const graph::Node& node : graph.nodes) names.emplace_back(node.op);
    return names;
  }
  /// Of the graph that was checked last.
  ByteView parameters() const { return std::as_const(*parameters_).expose(); }

 private:
  SecretBuffer model_;
  std::shared_ptr<SecretBytes> parameters_;
};

}  // namespace torchkeep::runtime::testing
