// ConcatFromSequence-11: https://onnx.ai/onnx/operators/onnx__ConcatFromSequence.html
#include <algorithm>

#include "torchkeep/runtime/kernels/alone.h"
#include "torchkeep/runtime/kernels/axis.h"
#include "torchkeep/runtime/kernels/operators.h"

namespace torchkeep::runtime::kernels {
namespace {

class ConcatFromSequence final : public Alone {
 public:
  ConcatFromSequence(std::int64_t axis, bool new_axis) : axis_(axis), new_axis_(new_axis) {}

  Result<std::vector<Tensor>> run(std::span<const plan::View> inputs, plan::Context&) override {
    const std::vector<Item> items = TRY(sequence_items(inputs, 0));
    if (items.empty()) return malformed("the sequence is empty, so that no shape is known");
    Shape shape = items[0].shape;
    const std::size_t axis = TRY(resolve_axis(axis_, shape.size() + (new_axis_ ? 1 : 0)));
    if (new_axis_) shape.insert(shape.begin() + static_cast<std::ptrdiff_t>(axis), 1);
    const std::size_t outer = extent(shape, 0, axis);
    std::int64_t sum = 0;
    for (const Item& item : items) {
      Shape alike = item.shape;
      if (new_axis_ && alike.size() + 1 == shape.size())
        alike.insert(alike.begin() + static_cast<std::ptrdiff_t>(axis), 1);
      if (alike.size() == shape.size() && item.dtype == items[0].dtype) {
        sum += alike[axis];
        alike[axis] = shape[axis];
      }
      if (alike != shape || !is_tensor(item.dtype))
        return malformed("an item of ", name_of(item.dtype), " ", describe(item.shape),
                         " does not go beside one of ", name_of(items[0].dtype), " ",
                         describe(items[0].shape));
    }
    shape[axis] = sum;
    Tensor output = TRY(Tensor::uninitialised(items[0].dtype, std::move(shape)));
    auto place = output.data.begin();
    for (std::size_t i = 0; i < outer; ++i) {
      for (const Item& item : items) {
        const std::size_t bytes = item.bytes.size() / outer;
        place = std::ranges::copy(item.bytes.subspan(i * bytes, bytes), place).out;
      }
    }
    return one(std::move(output));
  }

 private:
  std::int64_t axis_;
  bool new_axis_;
};

}  // namespace

Result<KernelPointer> make_concat_from_sequence(NodeReader& node) {
  if (!node.has("axis")) return malformed("there is no attribute axis, which is wanted");
  const std::int64_t axis = TRY(node.int_or("axis", 0));
  return std::make_unique<ConcatFromSequence>(axis, TRY(node.int_or("new_axis", 0)) != 0);
}

}  // namespace torchkeep::runtime::kernels
