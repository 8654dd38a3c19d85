#include "torchkeep/runtime/optimise/quantised_weights.h"

#include "torchkeep/runtime/graph/four_bits.h"

namespace torchkeep::runtime::optimise {
namespace {

using graph::Constant;
using graph::Graph;

constexpr std::uint8_t kMiddle = 128;  // around which UInt8 is Int8 around 0

bool are_scales(const Constant& scales, std::size_t channels) {
  const auto fits = [](float scale) { return scale > 1e-15F && scale < 1e15F; };
  if (scales.dtype() != DataType::Float32) return false;
  const std::span<const float> each = scales.elements<float>();
  const bool one = each.size() == 1, many = scales.shape().size() == 1 && each.size() == channels;
  return (one || many) && std::ranges::all_of(each, fits);
}

/// Row-major [rows, columns] as [columns, rows], each byte changed in `flip`.
void copy_bytes(ByteView from, std::size_t rows, std::size_t columns, bool transposed,
                std::uint8_t flip, MutableByteView to) {
  for (std::size_t r = 0; r < rows; ++r) {
    for (std::size_t c = 0; c < columns; ++c)
      to[transposed ? c * rows + r : r * columns + c] = from[r * columns + c] ^ flip;
  }
}

/// A parameter; one of 4 bits becomes another, of 8.
Result<graph::ValueId> in_eight_bits(Graph& graph, graph::ValueId value) {
  if (value == graph::kLeftOut || !graph.values[value].constant ||
      !has_four_bits(graph.values[value].constant->dtype()))
    return value;
  return graph.add_constant(graph.values[value].name,
                            TRY(graph::widened(*graph.values[value].constant)));
}

}  // namespace

Result<std::optional<QuantisedWeights>> take_weights(Graph& graph, WrittenWeights written) {
  const graph::ValueId stored = written.numbers;
  written.numbers = TRY(in_eight_bits(graph, stored));
  written.zeros = TRY(in_eight_bits(graph, written.zeros));
  using Taken = std::optional<QuantisedWeights>;
  if (written.numbers == graph::kLeftOut || written.scales == graph::kLeftOut) return Taken();
  const std::shared_ptr<const Constant> numbers = graph.values[written.numbers].constant,
                                        scales = graph.values[written.scales].constant;
  if (!numbers || !scales || numbers->shape().size() <= written.axis) return Taken();
  const bool is_signed = numbers->dtype() == DataType::Int8;
  if (!is_signed && numbers->dtype() != DataType::UInt8) return Taken();
  if (numbers->bytes().empty() ||
      !are_scales(*scales, static_cast<std::size_t>(numbers->shape()[written.axis])))
    return Taken();
  const std::uint8_t middle = is_signed ? 0 : kMiddle;
  if (written.zeros == graph::kLeftOut) {
    if (!is_signed) return Taken();
  } else {
    const std::shared_ptr<const Constant> zeros = graph.values[written.zeros].constant;
    if (!zeros || zeros->dtype() != numbers->dtype() || zeros->shape() != scales->shape() ||
        !std::ranges::all_of(zeros->bytes(), [&](std::uint8_t zero) { return zero == middle; }))
      return Taken();
  }
  if (is_signed && !written.transposed) return Taken({written.numbers, written.scales});
  Shape shape = numbers->shape();
  const std::size_t columns = static_cast<std::size_t>(shape.back()),
                    rows = numbers->bytes().size() / columns;
  if (written.transposed) shape = {shape[1], shape[0]};
  const std::shared_ptr<Constant> changed = TRY(Constant::make(DataType::Int8, shape));
  copy_bytes(numbers->bytes(), rows, columns, written.transposed, middle, changed->bytes());
  // Or the weights of all layers would be there twice, until those are dropped.
  if (written.is_last) {
    for (const graph::ValueId copied : {stored, written.numbers})
      graph.values[copied].constant.reset();
  }
  return Taken({graph.add_constant(graph.values[written.numbers].name, changed), written.scales});
}

}  // namespace torchkeep::runtime::optimise
