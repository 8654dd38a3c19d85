// GRU-1 to GRU-22: https://onnx.ai/onnx/operators/onnx__GRU.html
#include <cmath>

#include "torchkeep/runtime/kernels/operators.h"
#include "torchkeep/runtime/kernels/recurrent.h"

namespace torchkeep::runtime::kernels {
namespace {

float sigmoid(float x) { return 1 / (1 + std::exp(-x)); }

/// Gates in order: update, reset, hidden. `reset_last`: the reset gate acts on the product with the
/// state, otherwise on the state before it.
Result<void> step(bool reset_last, const RecurrentSizes& sizes, const CellStep& at,
                  RecurrentProduct& product) {
  const std::size_t hidden = sizes.hidden, width = 3 * hidden, count = sizes.batch * hidden;
  float* gates = at.scratch;                   // [batch, 2 * hidden]
  float* candidates = at.scratch + 2 * count;  // [batch, hidden]
  TRY(product.multiply(0, at.hidden, gates));
  const auto bias = [&](const float* from, std::size_t k) { return from == nullptr ? 0 : from[k]; };
  for (std::size_t b = 0; b < sizes.batch; ++b) {
    for (std::size_t k = 0; k < 2 * hidden; ++k) {
      float& gate = gates[b * 2 * hidden + k];
      gate = sigmoid(gate + at.products[b * width + k] + bias(at.w_bias, k) + bias(at.r_bias, k));
    }
  }
  if (reset_last) {
    TRY(product.multiply(1, at.hidden, candidates));
  } else {
    float* limited = at.limited;
    for (std::size_t b = 0; b < sizes.batch; ++b) {
      for (std::size_t i = 0; i < hidden; ++i)
        limited[b * hidden + i] = at.hidden[b * hidden + i] * gates[b * 2 * hidden + hidden + i];
    }
    TRY(product.multiply(1, limited, candidates));
  }
  for (std::size_t b = 0; b < sizes.batch; ++b) {
    if (!at.active[b]) continue;
    for (std::size_t i = 0; i < hidden; ++i) {
      const std::size_t k = 2 * hidden + i;
      const float update = gates[b * 2 * hidden + i], reset = gates[b * 2 * hidden + hidden + i];
      const float recurrent = candidates[b * hidden + i] + bias(at.r_bias, k);
      const float candidate = std::tanh(at.products[b * width + k] + bias(at.w_bias, k) +
                                        (reset_last ? reset * recurrent : recurrent));
      float& state = at.hidden[b * hidden + i];
      state = (1 - update) * candidate + update * state;
    }
  }
  return {};
}

class Gru final : public Kernel {
 public:
  Gru(RecurrentSettings settings, bool reset_last)
      : settings_(std::move(settings)), reset_last_(reset_last) {}
  Result<void> plan(plan::Builder& builder) override {
    return plan_recurrent(
        builder, settings_, {2, 1}, false,
        [reset_last = reset_last_](const RecurrentSizes& sizes, const CellStep& at,
                                   RecurrentProduct& product) {
          return step(reset_last, sizes, at, product);
        });
  }

 private:
  RecurrentSettings settings_;
  bool reset_last_;
};

}  // namespace

Result<KernelPointer> make_gru(NodeReader& node) {
  RecurrentSettings settings = TRY(read_recurrent(node));
  TRY(read_activations(node, settings, {{"Sigmoid", "Tanh"}}));
  const bool reset_last = TRY(node.int_or("linear_before_reset", 0)) != 0;
  return std::make_unique<Gru>(std::move(settings), reset_last);
}

}  // namespace torchkeep::runtime::kernels
