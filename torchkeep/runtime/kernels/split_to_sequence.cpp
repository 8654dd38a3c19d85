// SplitToSequence-11 to SplitToSequence-24:
// https://onnx.ai/onnx/operators/onnx__SplitToSequence.html
#include <algorithm>

#include "torchkeep/runtime/kernels/alone.h"
#include "torchkeep/runtime/kernels/axis.h"
#include "torchkeep/runtime/kernels/operators.h"

namespace torchkeep::runtime::kernels {
namespace {

class SplitToSequence final : public Alone {
 public:
  SplitToSequence(std::int64_t axis, bool keep_axis) : axis_(axis), keep_axis_(keep_axis) {}

  Result<std::vector<Tensor>> run(std::span<const plan::View> inputs, plan::Context&) override {
    const Item input = item_of(inputs[0]);
    if (!is_tensor(input.dtype)) return malformed("input 0 is no tensor");
    const std::size_t axis = TRY(resolve_axis(axis_, input.shape.size()));
    const bool has_sizes = inputs.size() > 1 && inputs[1].data != nullptr;
    const std::vector<std::int64_t> sizes = has_sizes ? TRY(read_sizes(inputs, input.shape[axis]))
                                                      : TRY(equal_parts(input.shape[axis], 1));
    const std::size_t outer = extent(input.shape, 0, axis),
                      row = extent(input.shape, axis + 1, input.shape.size()) *
                            element_bytes(input.dtype);
    std::vector<Tensor> parts;
    std::size_t start = 0;  // along the axis
    for (const std::int64_t size : sizes) {
      Shape shape = input.shape;
      shape[axis] = size;
      Tensor part = TRY(Tensor::uninitialised(input.dtype, shape));
      const auto length = static_cast<std::size_t>(size);
      auto place = part.data.begin();
      for (std::size_t i = 0; i < outer; ++i) {
        const std::size_t first = (i * static_cast<std::size_t>(input.shape[axis]) + start) * row;
        place = std::ranges::copy(input.bytes.subspan(first, length * row), place).out;
      }
      start += length;
      // Only where no sizes are handed in.
      if (!has_sizes && !keep_axis_)
        part.shape.erase(part.shape.begin() + static_cast<std::ptrdiff_t>(axis));
      parts.push_back(std::move(part));
    }
    std::vector<Item> items;
    for (const Tensor& part : parts) items.push_back(Item::of(part));
    return one(encode_items(DataType::Sequence, items));
  }

 private:
  /// The last may be smaller. Errors: Malformed if there are more than a sequence holds.
  static Result<std::vector<std::int64_t>> equal_parts(std::int64_t whole, std::int64_t size) {
    const std::int64_t count = whole / size + (whole % size == 0 ? 0 : 1);
    if (count > static_cast<std::int64_t>(kMaxItems))
      return malformed("there are ", count, " parts, a sequence holds at most ", kMaxItems);
    std::vector<std::int64_t> sizes(static_cast<std::size_t>(count), size);
    if (whole % size != 0) sizes.back() = whole % size;
    return sizes;
  }

  /// A scalar is the size of every part, the last of which may be smaller.
  static Result<std::vector<std::int64_t>> read_sizes(std::span<const plan::View> inputs,
                                                      std::int64_t whole) {
    const plan::View& view = inputs[1];
    std::vector<std::int64_t> sizes;
    if (view.shape.empty()) {
      const std::int64_t size = TRY(read_integer(inputs, 1));
      if (size < 1) return malformed("parts have size ", size, ", wanted is 1 or more");
      return equal_parts(whole, size);
    }
    if (view.shape.size() != 1 || (view.dtype != DataType::Int64 && view.dtype != DataType::Int32))
      return malformed("sizes are ", name_of(view.dtype), " ", describe(view.shape));
    if (view.shape[0] > static_cast<std::int64_t>(kMaxItems))
      return malformed("there are ", view.shape[0], " parts, a sequence holds at most ", kMaxItems);
    std::int64_t left = whole;
    for (std::size_t i = 0; i < static_cast<std::size_t>(view.shape[0]); ++i) {
      const std::int64_t size = view.dtype == DataType::Int64
                                    ? reinterpret_cast<const std::int64_t*>(view.data)[i]
                                    : reinterpret_cast<const std::int32_t*>(view.data)[i];
      if (size < 0 || size > left) return malformed("sizes do not add up to ", whole);
      left -= size;
      sizes.push_back(size);
    }
    if (left != 0) return malformed("sizes do not add up to ", whole);
    return sizes;
  }

  std::int64_t axis_;
  bool keep_axis_;
};

}  // namespace

Result<KernelPointer> make_split_to_sequence(NodeReader& node) {
  const std::int64_t axis = TRY(node.int_or("axis", 0));
  return std::make_unique<SplitToSequence>(axis, TRY(node.int_or("keepdims", 1)) != 0);
}

}  // namespace torchkeep::runtime::kernels
