// LSTM-1 to LSTM-22: https://onnx.ai/onnx/operators/onnx__LSTM.html
#include <cmath>

#include "torchkeep/runtime/kernels/operators.h"
#include "torchkeep/runtime/kernels/recurrent.h"

namespace torchkeep::runtime::kernels {
namespace {

constexpr std::size_t kGates = 4;  // input, output, forget, cell

float sigmoid(float x) { return 1 / (1 + std::exp(-x)); }

Result<void> step(const RecurrentSizes& sizes, const CellStep& at, RecurrentProduct& product) {
  const std::size_t hidden = sizes.hidden, width = kGates * hidden;
  TRY(product.multiply(0, at.hidden, at.scratch));
  for (std::size_t b = 0; b < sizes.batch; ++b) {
    if (!at.active[b]) continue;
    for (std::size_t i = 0; i < hidden; ++i) {
      const auto sum = [&](std::size_t gate) {
        const std::size_t k = gate * hidden + i;
        const float bias = at.w_bias == nullptr ? 0 : at.w_bias[k] + at.r_bias[k];
        return at.products[b * width + k] + at.scratch[b * width + k] + bias;
      };
      const auto peep = [&](std::size_t gate, float cell) {
        return at.peepholes == nullptr ? 0 : at.peepholes[gate * hidden + i] * cell;
      };
      float& cell = at.cell[b * hidden + i];
      const float before = cell;
      const float in = sigmoid(sum(0) + peep(0, before)),
                  forget = sigmoid(sum(2) + peep(2, before));
      cell = forget * before + in * std::tanh(sum(3));
      at.hidden[b * hidden + i] = sigmoid(sum(1) + peep(1, cell)) * std::tanh(cell);
    }
  }
  return {};
}

class Lstm final : public Kernel {
 public:
  explicit Lstm(RecurrentSettings settings) : settings_(std::move(settings)) {}
  Result<void> plan(plan::Builder& builder) override {
    return plan_recurrent(builder, settings_, {kGates}, true, step);
  }

 private:
  RecurrentSettings settings_;
};

}  // namespace

Result<KernelPointer> make_lstm(NodeReader& node) {
  RecurrentSettings settings = TRY(read_recurrent(node));
  TRY(read_activations(node, settings, {{"Sigmoid", "Tanh", "Tanh"}}));
  if (TRY(node.int_or("input_forget", 0)) != 0) return malformed("input_forget is not supported");
  return std::make_unique<Lstm>(std::move(settings));
}

}  // namespace torchkeep::runtime::kernels
