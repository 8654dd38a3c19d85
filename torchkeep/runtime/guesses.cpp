#include "torchkeep/runtime/guesses.h"

#include <algorithm>

namespace torchkeep::runtime {
namespace {

// What a side is taken for beyond the batch, until a run says what it is.
constexpr std::int64_t kGuessedSize = 224;
// A batch of an export is small; each one that is tried costs a plan.
constexpr std::int64_t kLargestNamed = 1024;
constexpr std::size_t kMostNamed = 32, kLongestShape = 8;

void add(std::int64_t size, std::vector<std::int64_t>& sizes) {
  if (size < 2 || size > kLargestNamed || sizes.size() == kMostNamed) return;
  if (std::ranges::find(sizes, size) == sizes.end()) sizes.push_back(size);
}

/// The constants that could be shapes.
std::vector<std::span<const std::int64_t>> short_lists(const graph::Graph& graph) {
  std::vector<std::span<const std::int64_t>> lists;
  for (const graph::Value& value : graph.values) {
    if (!value.constant || value.constant->dtype() != DataType::Int64) continue;
    const auto elements = std::as_const(*value.constant).elements<std::int64_t>();
    if (elements.size() <= kLongestShape) lists.push_back(elements);
  }
  return lists;
}

/// 0 for what is no shape.
std::uint64_t elements_of(std::span<const std::int64_t> shape) {
  const Result<std::uint64_t> count = element_count(Shape(shape.begin(), shape.end()));
  return count ? *count : 0;
}

}  // namespace

Guess guess_shapes(const std::vector<Port>& ports, std::int64_t batch) {
  Guess guess;
  for (const Port& port : ports) {
    Shape shape = port.shape;
    for (std::size_t i = 0; i < shape.size(); ++i) {
      if (shape[i] != -1) continue;
      shape[i] = i == 0 ? batch : kGuessedSize;
      guess.has_batch |= i == 0;
      guess.is_bold |= i != 0;
    }
    guess.shapes.push_back(std::move(shape));
  }
  return guess;
}

std::vector<bool> find_known_inputs(const graph::Graph& graph,
                                    std::span<const kernels::KernelPointer> kernels) {
  std::vector<bool> known(graph.values.size(), false);
  for (std::size_t i = graph.nodes.size(); i-- > 0;) {
    const graph::Node& node = graph.nodes[i];
    const auto wanted = [&](graph::ValueId value) {
      return value != graph::kLeftOut && known[value];
    };
    const bool all =
        !kernels[i]->looks_at_shapes_only() && std::ranges::any_of(node.outputs, wanted);
    for (std::size_t k = 0; k < node.inputs.size(); ++k) {
      if (node.inputs[k] != graph::kLeftOut && (all || kernels[i]->needs_known(k)))
        known[node.inputs[k]] = true;
    }
  }
  std::vector<bool> inputs;
  for (std::size_t i = 0; i < graph.inputs.size(); ++i) {
    const DataType dtype = graph.input_ports[i].dtype;
    const bool real = dtype == DataType::Float32 || dtype == DataType::Float64;
    inputs.push_back(known[graph.inputs[i]] && !real);
  }
  return inputs;
}

std::vector<std::int64_t> named_batches(const graph::Graph& graph) {
  std::vector<std::int64_t> sizes;
  const std::vector<std::span<const std::int64_t>> shapes = short_lists(graph);
  for (const auto& shape : shapes) {
    for (const std::int64_t size : shape) add(size, sizes);
  }
  // How many images make a shape of that many elements.
  for (const auto& shape : shapes) {
    const std::uint64_t whole = elements_of(shape);
    for (const Shape& image : guess_shapes(graph.input_ports, 1).shapes) {
      const std::uint64_t part = elements_of(image);
      if (part > 0 && whole % part == 0) add(static_cast<std::int64_t>(whole / part), sizes);
    }
  }
  for (const Port& port : graph.output_ports) {
    if (!port.shape.empty()) add(port.shape[0], sizes);
  }
  // Like the states with which an LSTM begins.
  for (const graph::Value& value : graph.values) {
    if (!value.constant || value.constant->shape().size() < 2) continue;
    for (std::size_t i = 0; i < 2; ++i) add(value.constant->shape()[i], sizes);
  }
  return sizes;
}

}  // namespace torchkeep::runtime
