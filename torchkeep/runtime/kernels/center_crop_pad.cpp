// CenterCropPad-18: https://onnx.ai/onnx/operators/onnx__CenterCropPad.html
#include "torchkeep/runtime/kernels/axis.h"
#include "torchkeep/runtime/kernels/known.h"
#include "torchkeep/runtime/kernels/operators.h"
#include "torchkeep/runtime/kernels/pad.h"

namespace torchkeep::runtime::kernels {
namespace {

class CenterCropPad final : public Kernel {
 public:
  explicit CenterCropPad(std::vector<std::int64_t> axes) : axes_(std::move(axes)) {}

  bool takes_halves() const override { return true; }
  bool needs_known(std::size_t input) const override { return input == 1; }

  Result<void> plan(plan::Builder& builder) override {
    const Shape& input = builder.input(0).shape;
    const std::vector<std::int64_t> sizes = TRY(known_ints(builder, 1));
    std::vector<std::int64_t> axes = axes_;
    for (std::size_t i = 0; axes_.empty() && i < input.size(); ++i)
      axes.push_back(static_cast<std::int64_t>(i));
    if (sizes.size() != axes.size())
      return malformed("shape has ", sizes.size(), " numbers for ", axes.size(), " dimensions");
    std::vector<std::int64_t> before(input.size(), 0), after(input.size(), 0);
    for (std::size_t i = 0; i < axes.size(); ++i) {
      const std::size_t axis = TRY(resolve_axis(axes[i], input.size()));
      TRY(check_shape({sizes[i]}));
      const std::int64_t more = sizes[i] - input[axis];  // halves are rounded down both ways
      before[axis] = more / 2;
      after[axis] = more - more / 2;
    }
    return plan_zero_padding(builder, before, after);
  }

 private:
  std::vector<std::int64_t> axes_;
};

}  // namespace

Result<KernelPointer> make_center_crop_pad(NodeReader& node) {
  return std::make_unique<CenterCropPad>(TRY(node.ints("axes")));
}

}  // namespace torchkeep::runtime::kernels
