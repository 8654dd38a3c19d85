// RNN-1 to RNN-22: https://onnx.ai/onnx/operators/onnx__RNN.html
#include <cmath>

#include "torchkeep/runtime/kernels/operators.h"
#include "torchkeep/runtime/kernels/recurrent.h"

namespace torchkeep::runtime::kernels {
namespace {

Result<void> step(bool relu, const RecurrentSizes& sizes, const CellStep& at,
                  RecurrentProduct& product) {
  TRY(product.multiply(0, at.hidden, at.scratch));
  for (std::size_t b = 0; b < sizes.batch; ++b) {
    if (!at.active[b]) continue;
    for (std::size_t i = 0; i < sizes.hidden; ++i) {
      const std::size_t k = b * sizes.hidden + i;
      const float bias = at.w_bias == nullptr ? 0 : at.w_bias[i] + at.r_bias[i];
      const float sum = at.products[k] + at.scratch[k] + bias;
      at.hidden[k] = relu ? std::max(sum, 0.0F) : std::tanh(sum);
    }
  }
  return {};
}

class Rnn final : public Kernel {
 public:
  Rnn(RecurrentSettings settings, bool relu) : settings_(std::move(settings)), relu_(relu) {}
  Result<void> plan(plan::Builder& builder) override {
    return plan_recurrent(
        builder, settings_, {1}, false,
        [relu = relu_](const RecurrentSizes& sizes, const CellStep& at, RecurrentProduct& product) {
          return step(relu, sizes, at, product);
        });
  }

 private:
  RecurrentSettings settings_;
  bool relu_;
};

}  // namespace

Result<KernelPointer> make_rnn(NodeReader& node) {
  RecurrentSettings settings = TRY(read_recurrent(node));
  const bool relu = TRY(read_activations(node, settings, {{"Tanh"}, {"Relu"}})) == 1;
  return std::make_unique<Rnn>(std::move(settings), relu);
}

}  // namespace torchkeep::runtime::kernels
