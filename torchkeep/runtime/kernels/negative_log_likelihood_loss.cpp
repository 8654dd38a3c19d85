// NegativeLogLikelihoodLoss-12 to NegativeLogLikelihoodLoss-22:
// https://onnx.ai/onnx/operators/onnx__NegativeLogLikelihoodLoss.html
#include "torchkeep/runtime/kernels/class_loss.h"
#include "torchkeep/runtime/kernels/operators.h"

namespace torchkeep::runtime::kernels {
namespace {

template <typename T, typename Index>
plan::Action action_of(const ClassLoss& loss, const ClassSizes& sizes) {
  return [loss, sizes](std::span<std::byte* const> memory, Pool&) {
    return write_class_loss(loss, sizes, source<T>(memory, 0), source<Index>(memory, 1),
                            source<T>(memory, 2), target<T>(memory, 3));
  };
}

class NegativeLogLikelihoodLoss final : public Kernel {
 public:
  explicit NegativeLogLikelihoodLoss(ClassLoss loss) : loss_(loss) {}

  Result<void> plan(plan::Builder& builder) override {
    const ClassSizes sizes = TRY(class_sizes(builder, loss_));
    const DataType dtype = builder.input(0).dtype;
    const bool wide = builder.input(1).dtype == DataType::Int64;
    plan::Action action = TRY(action_for(FloatTypes(), dtype, [&]<typename T>() {
      return wide ? action_of<T, std::int64_t>(loss_, sizes)
                  : action_of<T, std::int32_t>(loss_, sizes);
    }));
    std::vector<Made> made;
    made.push_back({dtype, sizes.result});
    return plan_whole(builder, 3, std::move(made), std::move(action));
  }

 private:
  ClassLoss loss_;
};

}  // namespace

Result<KernelPointer> make_negative_log_likelihood_loss(NodeReader& node) {
  return std::make_unique<NegativeLogLikelihoodLoss>(TRY(read_class_loss(node)));
}

}  // namespace torchkeep::runtime::kernels
