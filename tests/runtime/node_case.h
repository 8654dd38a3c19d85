#pragma once

#include <gtest/gtest.h>

#include "tests/runtime/wrong_graph.h"

/// Graphs of one node, for the tests of single operators.
namespace torchkeep::runtime::testing {

struct NodeInput {
  Shape shape;
  DataType type = DataType::Float32;
};

/// Of as many dimensions as the first input has, unless it says otherwise.
struct NodeOutput {
  DataType type = DataType::Float32;
  std::optional<std::size_t> rank = std::nullopt;
};

/// Inputs "0", "1", ... of those types and shapes, outputs "y0", "y1", ... of any size.
inline GraphBuilder node_graph(std::string_view op, const std::vector<NodeInput>& inputs,
                               const std::vector<Message>& attributes = {},
                               const std::vector<NodeOutput>& outputs = {{}}) {
  GraphBuilder graph;
  std::vector<std::string> in, out;
  for (const NodeInput& input : inputs) {
    in.push_back(std::to_string(in.size()));
    graph.input(in.back(), input.shape, input.type);
  }
  for (const NodeOutput& output : outputs) {
    out.push_back("y" + std::to_string(out.size()));
    const std::size_t rank = output.rank.value_or(inputs.empty() ? 1 : inputs[0].shape.size());
    graph.output(out.back(), Shape(rank, -1), output.type);
  }
  return graph.add(node(op, in, out, attributes));
}

/// A graph, and why its load or its run on `inputs` is refused.
struct RunFault {
  const char* name;
  std::function<GraphBuilder()> make;
  std::function<std::vector<Tensor>()> inputs;
  const char* words;
  std::int64_t opset = 17;
};

/// Malformed, in words that hold those of the fault, at load or when it runs.
inline void expect_run_refused(const RunFault& fault) {
  const auto model = load(fault.make().payload(fault.opset));
  Error error{ErrorCode::Internal, "it was not refused"};
  if (model.ok()) {
    const auto outputs = (*model)->run(fault.inputs());
    if (!outputs.ok()) error = outputs.error();
  } else {
    error = model.error();
  }
  EXPECT_EQ(error.code, ErrorCode::Malformed) << error;
  EXPECT_THAT(error.message, ::testing::HasSubstr(fault.words));
}

template <typename... Tensors>
std::vector<Tensor> tensors(Tensors... each) {
  std::vector<Tensor> all;
  (all.push_back(std::move(each)), ...);
  return all;
}

/// What a model of these inputs answers. Errors: those of load and run.
inline Result<std::vector<Tensor>> run_graph(const GraphBuilder& graph,
                                             const std::vector<Tensor>& inputs,
                                             std::int64_t opset = 17) {
  const auto model = TRY(load(graph.payload(opset)));
  return model->run(inputs);
}

template <typename T>
std::vector<T> elements_of(const Tensor& tensor) {
  const auto elements = tensor.elements<T>();
  return std::vector<T>(elements.begin(), elements.end());
}

}  // namespace torchkeep::runtime::testing
