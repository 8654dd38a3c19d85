#include "torchkeep/runtime/kernels/registry.h"

#include <algorithm>
#include <array>

#include "torchkeep/runtime/kernels/old_broadcast.h"
#include "torchkeep/runtime/kernels/operator_tables.h"

namespace torchkeep::runtime::kernels {
namespace {

std::array<std::span<const Operator>, 4> tables() {
  return {element_operators(), layer_operators(), tensor_operators(), control_operators()};
}

const Operator* find_operator(std::string_view name) {
  for (const auto& table : tables()) {
    const auto found = std::ranges::find(table, name, &Operator::name);
    if (found != table.end()) return &*found;
  }
  return nullptr;
}

Result<KernelPointer> make(const graph::Graph& graph, const graph::Node& node) {
  const Operator* known = find_operator(node.op);
  if (!node.domain.empty() || known == nullptr) {
    const std::string domain = node.domain.empty() ? "" : text(" of domain ", node.domain);
    return malformed("the operator", domain,
                     " is not supported; docs/runtime.md lists those that are");
  }
  if (graph.opset < known->since && !node.recognised) {
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
  const bool any = std::ranges::any_of(
      node.outputs, [](graph::ValueId output) { return output != graph::kLeftOut; });
  if (!any || (known->needs_first_output && !made(0))) return malformed("output 0 is missing");
  for (std::size_t i = known->max_outputs; i < node.outputs.size(); ++i) {
    if (made(i)) return malformed("output ", i, " is not supported");
  }
  // How operators that worked in place said so.
  if (graph.opset < 6) reader.ignore("consumed_inputs");
  KernelPointer kernel = TRY(known->make(reader));
  if (graph.opset < 7) kernel = TRY(with_old_broadcast(reader, std::move(kernel)));
  TRY(reader.finish());
  return kernel;
}

}  // namespace

std::vector<Operator> operators() {
  std::vector<Operator> all;
  for (const auto& table : tables()) all.insert(all.end(), table.begin(), table.end());
  std::ranges::sort(all, {}, &Operator::name);
  return all;
}

Result<KernelPointer> make_kernel(const graph::Graph& graph, const graph::Node& node) {
  return make(graph, node).context(graph.describe(node));
}

}  // namespace torchkeep::runtime::kernels
