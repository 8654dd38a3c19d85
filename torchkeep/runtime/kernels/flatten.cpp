// Flatten-1 to Flatten-21: https://onnx.ai/onnx/operators/onnx__Flatten.html
#include "torchkeep/runtime/kernels/axis.h"
#include "torchkeep/runtime/kernels/operators.h"

namespace torchkeep::runtime::kernels {
namespace {

class Flatten final : public Kernel {
 public:
  explicit Flatten(std::int64_t axis) : axis_(axis) {}
  bool takes_halves() const override { return true; }

  Result<void> plan(plan::Builder& builder) override {
    const Shape& shape = builder.input(0).shape;
    const bool all = axis_ == static_cast<std::int64_t>(shape.size());
    const std::size_t axis = all ? shape.size() : TRY(resolve_axis(axis_, shape.size()));
    return builder.view(0, 0,
                        {static_cast<std::int64_t>(extent(shape, 0, axis)),
                         static_cast<std::int64_t>(extent(shape, axis, shape.size()))});
  }

 private:
  std::int64_t axis_;
};

}  // namespace

Result<KernelPointer> make_flatten(NodeReader& node) {
  return std::make_unique<Flatten>(TRY(node.int_or("axis", 1)));
}

}  // namespace torchkeep::runtime::kernels
