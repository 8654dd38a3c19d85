// ConstantOfShape-9 to ConstantOfShape-21:
// https://onnx.ai/onnx/operators/onnx__ConstantOfShape.html
#include "torchkeep/runtime/kernels/axis.h"
#include "torchkeep/runtime/kernels/known.h"
#include "torchkeep/runtime/kernels/operators.h"
#include "torchkeep/runtime/kernels/types.h"

namespace torchkeep::runtime::kernels {
namespace {

class ConstantOfShape final : public Kernel {
 public:
  ConstantOfShape(DataType dtype, std::uint64_t bits) : dtype_(dtype), bits_(bits) {}

  bool needs_known(std::size_t input) const override { return input == 0; }

  Result<void> plan(plan::Builder& builder) override {
    Shape shape = TRY(known_ints(builder, 0));
    TRY(check_shape(shape));
    const std::size_t count = extent(shape, 0, shape.size());
    const plan::BufferId to = TRY(builder.write(0, dtype_, std::move(shape)));
    builder.step({to}, action_by_size(dtype_, [&]<typename T>() -> plan::Action {
                   return [value = static_cast<T>(bits_), count](std::span<std::byte* const> memory,
                                                                 Pool&) -> Result<void> {
                     std::fill_n(target<T>(memory, 0), count, value);
                     return {};
                   };
                 }));
    return {};
  }

 private:
  DataType dtype_;
  std::uint64_t bits_;  ///< Of the element, the lowest ones.
};

}  // namespace

Result<KernelPointer> make_constant_of_shape(NodeReader& node) {
  const onnx::TensorProto* value = TRY(node.tensor("value"));
  if (value == nullptr) return std::make_unique<ConstantOfShape>(DataType::Float32, 0);
  if (value->external || element_count(value->shape).value() != 1)
    return malformed("value is no single element");
  std::uint64_t bits = 0;
  const MutableByteView bytes(reinterpret_cast<std::uint8_t*>(&bits), value->byte_count);
  TRY(onnx::copy_elements(*value, bytes));
  return std::make_unique<ConstantOfShape>(value->dtype, bits);
}

}  // namespace torchkeep::runtime::kernels
