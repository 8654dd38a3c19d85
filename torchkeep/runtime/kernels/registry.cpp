#include "torchkeep/runtime/kernels/registry.h"

#include <algorithm>
#include <array>

#include "torchkeep/runtime/kernels/operators.h"

namespace torchkeep::runtime::kernels {
namespace {

constexpr std::size_t kMany = 4096;

// Name, operator set since which it means what the kernel does, fewest and most inputs, most
// outputs.
constexpr std::array kOperators{
    Operator{"Abs", 6, 1, 1, 1, make_abs},
    Operator{"Add", 7, 2, 2, 1, make_add},
    Operator{"AveragePool", 7, 1, 1, 1, make_average_pool},
    Operator{"BatchNormalization", 7, 5, 5, 1, make_batch_normalization},
    Operator{"Cast", 6, 1, 1, 1, make_cast},
    Operator{"Clip", 11, 1, 3, 1, make_clip},
    Operator{"Concat", 4, 1, kMany, 1, make_concat},
    Operator{"Conv", 1, 2, 3, 1, make_conv},
    Operator{"Div", 7, 2, 2, 1, make_div},
    Operator{"Dropout", 7, 1, 3, 2, make_dropout},
    Operator{"Exp", 6, 1, 1, 1, make_exp},
    Operator{"Flatten", 1, 1, 1, 1, make_flatten},
    Operator{"Gather", 1, 2, 2, 1, make_gather},
    Operator{"Gemm", 7, 2, 3, 1, make_gemm},
    Operator{"GlobalAveragePool", 1, 1, 1, 1, make_global_average_pool},
    Operator{"GlobalMaxPool", 1, 1, 1, 1, make_global_max_pool},
    Operator{"HardSigmoid", 6, 1, 1, 1, make_hard_sigmoid},
    Operator{"HardSwish", 14, 1, 1, 1, make_hard_swish},
    Operator{"Identity", 1, 1, 1, 1, make_identity},
    Operator{"LeakyRelu", 6, 1, 1, 1, make_leaky_relu},
    Operator{"Log", 6, 1, 1, 1, make_log},
    Operator{"LogSoftmax", 13, 1, 1, 1, make_log_softmax},
    Operator{"MatMul", 1, 2, 2, 1, make_mat_mul},
    Operator{"MaxPool", 1, 1, 1, 1, make_max_pool},
    Operator{"Mul", 7, 2, 2, 1, make_mul},
    Operator{"Neg", 6, 1, 1, 1, make_neg},
    Operator{"ReduceMean", 1, 1, 2, 1, make_reduce_mean},
    Operator{"Relu", 6, 1, 1, 1, make_relu},
    Operator{"Reshape", 5, 2, 2, 1, make_reshape},
    Operator{"Shape", 1, 1, 1, 1, make_shape},
    Operator{"Sigmoid", 6, 1, 1, 1, make_sigmoid},
    Operator{"Softmax", 13, 1, 1, 1, make_softmax},
    Operator{"Sqrt", 6, 1, 1, 1, make_sqrt},
    Operator{"Squeeze", 1, 1, 2, 1, make_squeeze},
    Operator{"Sub", 7, 2, 2, 1, make_sub},
    Operator{"Tanh", 6, 1, 1, 1, make_tanh},
    Operator{"Transpose", 1, 1, 1, 1, make_transpose},
    Operator{"Unsqueeze", 1, 1, 2, 1, make_unsqueeze},
};

Result<KernelPointer> make(const graph::Graph& graph, const graph::Node& node) {
  const auto known = std::ranges::find(kOperators, node.op, &Operator::name);
  if (!node.domain.empty() || known == kOperators.end()) {
    const std::string domain = node.domain.empty() ? "" : text(" of domain ", node.domain);
    return malformed("the operator", domain,
                     " is not supported; docs/runtime.md lists those that are");
  }
  if (graph.opset < known->since) {
    return malformed("the operator is supported from operator set ", known->since,
                     " on, the model has ", graph.opset);
  }
  NodeReader reader(graph, node);
  for (std::size_t i = 0; i < known->min_inputs; ++i) {
    if (!reader.has_input(i)) return malformed("input ", i, " is missing");
  }
  if (node.inputs.size() > known->max_inputs) {
    return malformed("there are ", node.inputs.size(), " inputs, at most ", known->max_inputs,
                     " are wanted");
  }
  const auto made = [&](std::size_t i) { return node.outputs[i] != graph::kLeftOut; };
  if (node.outputs.empty() || !made(0)) return malformed("output 0 is missing");
  for (std::size_t i = known->max_outputs; i < node.outputs.size(); ++i) {
    if (made(i)) return malformed("output ", i, " is not supported");
  }
  KernelPointer kernel = TRY(known->make(reader));
  TRY(reader.finish());
  return kernel;
}

}  // namespace

std::span<const Operator> operators() { return kOperators; }

Result<KernelPointer> make_kernel(const graph::Graph& graph, const graph::Node& node) {
  return make(graph, node).context(graph.describe(node));
}

}  // namespace torchkeep::runtime::kernels
