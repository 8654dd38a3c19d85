// Transpose-1 to Transpose-21: https://onnx.ai/onnx/operators/onnx__Transpose.html
#include "torchkeep/runtime/kernels/axis.h"
#include "torchkeep/runtime/kernels/operators.h"
#include "torchkeep/runtime/kernels/strided.h"

namespace torchkeep::runtime::kernels {
namespace {

class Transpose final : public Kernel {
 public:
  explicit Transpose(std::vector<std::int64_t> order) : order_(std::move(order)) {}
  bool takes_halves() const override { return true; }

  Result<void> plan(plan::Builder& builder) override {
    const Shape& input = builder.input(0).shape;
    const std::size_t rank = input.size();
    if (!order_.empty() && order_.size() != rank)
      return malformed("perm has ", order_.size(), " numbers, the input ", rank, " dimensions");
    const std::vector<std::int64_t> strides = row_major_strides(input);
    std::vector<bool> used(rank, false);
    StridedCopy copy;
    copy.shape.reserve(rank);
    copy.strides.reserve(rank);
    for (std::size_t i = 0; i < rank; ++i) {
      const std::size_t source = order_.empty() ? rank - 1 - i : TRY(resolve_axis(order_[i], rank));
      if (used[source]) return malformed("perm names dimension ", source, " twice");
      used[source] = true;
      copy.shape.push_back(input[source]);
      copy.strides.push_back(strides[source]);
    }
    if (moves_nothing(copy)) return builder.view(0, 0, copy.shape);
    return plan_strided(builder, copy, copy.shape);
  }

 private:
  /// Dimensions of 1 may change places without anything being moved.
  static bool moves_nothing(const StridedCopy& copy) {
    std::int64_t stride = 1;
    for (std::size_t i = copy.shape.size(); i-- > 0;) {
      if (copy.shape[i] != 1 && copy.strides[i] != stride) return false;
      stride *= copy.shape[i];
    }
    return true;
  }

  std::vector<std::int64_t> order_;
};

}  // namespace

Result<KernelPointer> make_transpose(NodeReader& node) {
  return std::make_unique<Transpose>(TRY(node.ints("perm")));
}

}  // namespace torchkeep::runtime::kernels
