// Concat-4 to Concat-13 of quantised numbers: https://onnx.ai/onnx/operators/onnx__Concat.html
// Each input is DequantizeLinear's result in the standard, and QuantizeLinear reads what is joined.
// There are 256 numbers that an input can hold, so that a table says what becomes of each; no float
// reaches memory. Channels stay side by side where convolutions left them so.
#include "torchkeep/runtime/kernels/quantised_concat.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <numeric>

#include "torchkeep/runtime/kernels/axis.h"
#include "torchkeep/runtime/kernels/bytes.h"
#include "torchkeep/runtime/kernels/types.h"

namespace torchkeep::runtime::kernels {
namespace {

using graph::Quantisation;

constexpr std::size_t kBytesAThread = 65536;  // below, waking a thread costs more

using Table = std::array<std::uint8_t, 256>;

Table table_between(const Quantisation& from, const Quantisation& to) {
  Table table{};
  for (std::size_t i = 0; i < table.size(); ++i) {
    const auto bits = static_cast<std::uint8_t>(i);
    const std::int32_t number =
        from.dtype == DataType::Int8 ? std::int32_t{static_cast<std::int8_t>(bits)} : bits;
    const float value = static_cast<float>(number - from.zero) * from.scale;
    table[i] = to.dtype == DataType::Int8
                   ? static_cast<std::uint8_t>(quantise<std::int8_t>(value, to.scale, to.zero))
                   : quantise<std::uint8_t>(value, to.scale, to.zero);
  }
  return table;
}

/// One input's part of a row of what is joined.
struct Part {
  std::size_t bytes = 0;
  std::optional<Table> table;  ///< None: numbers stay what they are.

  void copy(const std::uint8_t* from, std::uint8_t* to) const {
    if (!table) {
      if (bytes > 0) std::memcpy(to, from, bytes);
      return;
    }
    for (std::size_t i = 0; i < bytes; ++i) to[i] = (*table)[from[i]];
  }
};

class QuantisedConcat final : public Kernel {
 public:
  QuantisedConcat(std::vector<Quantisation> each, const Quantisation& to, std::int64_t axis)
      : each_(std::move(each)), to_(to), axis_(axis) {}

  Result<void> plan(plan::Builder& builder) override {
    Shape output = builder.input(0).shape;
    const std::size_t axis = TRY(resolve_axis(axis_, output.size()));
    output[axis] = 0;
    for (std::size_t i = 0; i < each_.size(); ++i) {
      const plan::Operand& input = builder.input(i);
      if (input.dtype != each_[i].dtype)
        return malformed("input ", i, " is ", name_of(input.dtype), ", its zero point is ",
                         name_of(each_[i].dtype));
      Shape alike = input.shape;
      if (alike.size() == output.size()) alike[axis] = output[axis];
      if (alike != output)
        return malformed("input ", i, " of shape ", describe(input.shape),
                         " does not fit the first, ", describe(builder.input(0).shape));
      output[axis] += input.shape[axis];
    }
    // Row after row of what is joined: all that stands behind the axis, or the channels of a place.
    const bool last = axis == 1 && lies_channels_last(builder);
    const std::size_t behind = last ? 1 : extent(output, axis + 1, output.size());
    const auto layout_of = [&](const Shape& shape, DataType dtype) {
      return last ? dnn::channels_last(shape, dtype) : dnn::Layout();
    };
    std::vector<plan::BufferId> buffers;
    auto parts = std::make_shared<std::vector<Part>>();
    for (std::size_t i = 0; i < each_.size(); ++i) {
      const Shape shape = builder.input(i).shape;
      buffers.push_back(TRY(builder.read(i, layout_of(shape, each_[i].dtype))));
      Part& part = parts->emplace_back();
      part.bytes = extent(shape, axis, axis + 1) * behind;
      if (each_[i] != to_) part.table = table_between(each_[i], to_);
    }
    const std::size_t rows =
        last ? extent(output, 0, 1) * extent(output, 2, output.size()) : extent(output, 0, axis);
    const std::size_t whole = extent(output, axis, axis + 1) * behind;
    const dnn::Layout layout = layout_of(output, to_.dtype);
    buffers.push_back(TRY(builder.write(0, to_.dtype, std::move(output), layout)));
    builder.step(std::move(buffers),
                 [=](std::span<std::byte* const> memory, Pool& pool) -> Result<void> {
                   const std::size_t grain = 1 + kBytesAThread / std::max<std::size_t>(whole, 1);
                   pool.parallel_for(rows, grain, [&](std::size_t begin, std::size_t end) {
                     auto* to = target<std::uint8_t>(memory, memory.size() - 1) + begin * whole;
                     for (std::size_t row = begin; row < end; ++row) {
                       for (std::size_t i = 0; i < parts->size(); ++i) {
                         const Part& part = (*parts)[i];
                         part.copy(source<std::uint8_t>(memory, i) + row * part.bytes, to);
                         to += part.bytes;
                       }
                     }
                   });
                   return {};
                 });
    return {};
  }

 private:
  /// Whether some input has its channels side by side; the others are then brought to lie so too.
  bool lies_channels_last(const plan::Builder& builder) const {
    const std::size_t rank = builder.input(0).shape.size();
    if (rank < 3 || rank > 5) return false;
    for (std::size_t i = 0; i < each_.size(); ++i) {
      const plan::Operand& input = builder.input(i);
      if (!input.layout.is_plain() && input.layout == dnn::channels_last(input.shape, input.dtype))
        return true;
    }
    return false;
  }

  std::vector<Quantisation> each_;
  Quantisation to_;
  std::int64_t axis_;
};

}  // namespace

Result<KernelPointer> make_quantised_concat(const graph::Quantised& mark, std::int64_t axis) {
  if (!mark.output || mark.each.empty()) return malformed("what is joined has no scales");
  return std::make_unique<QuantisedConcat>(mark.each, *mark.output, axis);
}

}  // namespace torchkeep::runtime::kernels
