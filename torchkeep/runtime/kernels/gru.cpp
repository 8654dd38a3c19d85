// GRU-1 to GRU-22: https://onnx.ai/onnx/operators/onnx__GRU.html
#include "torchkeep/runtime/kernels/exponential.h"
#include "torchkeep/runtime/kernels/operators.h"
#include "torchkeep/runtime/kernels/processor.h"
#include "torchkeep/runtime/kernels/recurrent.h"

namespace torchkeep::runtime::kernels {
namespace {

constexpr std::size_t kGates = 3;  // update, reset, hidden

[[gnu::always_inline]] inline void open(float* gates, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) gates[i] = fast_sigmoid(gates[i]);
}

/// One row's new state. `fresh`: the hidden gate but for the product with the state, which is
/// `recurrent`; the reset gate acts on that if `reset` is not null.
[[gnu::always_inline]] inline void bend(const float* update, const float* reset, const float* fresh,
                                        const float* recurrent, const float* bias, float* state,
                                        std::size_t size) {
  for (std::size_t i = 0; i < size; ++i) {
    const float product = recurrent[i] + (bias == nullptr ? 0 : bias[i]);
    const float candidate = fast_tanh(fresh[i] + (reset == nullptr ? product : reset[i] * product));
    state[i] = (1 - update[i]) * candidate + update[i] * state[i];
  }
}

/// `reset_last`: the reset gate acts on the product with the state, otherwise on the state before
/// it.
void step(bool reset_last, const CellStep& at) {
  const std::size_t hidden = at.sizes.hidden, width = kGates * hidden, batch = at.sizes.batch;
  float* candidates = at.scratch;                // [batch, hidden]
  float* limited = at.scratch + batch * hidden;  // [batch, hidden]
  at.multiply(0, at.hidden, {at.gates, width}, true);
  for (std::size_t b = 0; b < batch; ++b) run_compiled<open>(at.gates + b * width, 2 * hidden);
  if (!reset_last) {
    for (std::size_t b = 0; b < batch; ++b) {
      const float* reset = at.gates + b * width + hidden;
      for (std::size_t i = 0; i < hidden; ++i)
        limited[b * hidden + i] = at.hidden[b * hidden + i] * reset[i];
    }
  }
  at.multiply(1, reset_last ? at.hidden : limited, {candidates, hidden}, false);
  for (std::size_t b = 0; b < batch; ++b) {
    if (!at.active(b)) continue;
    const float *update = at.gates + b * width, *reset = reset_last ? update + hidden : nullptr,
                *fresh = update + 2 * hidden, *recurrent = candidates + b * hidden;
    run_compiled<bend>(update, reset, fresh, recurrent, at.bias, at.hidden + b * hidden, hidden);
  }
}

}  // namespace

Result<KernelPointer> make_gru(NodeReader& node) {
  RecurrentSettings settings = TRY(read_recurrent(node));
  TRY(read_activations(node, settings, {{"Sigmoid", "Tanh"}}));
  const bool reset_last = TRY(node.int_or("linear_before_reset", 0)) != 0;
  // R's bias of the hidden gate lies within what the reset gate acts on.
  return make_recurrent(
      node, std::move(settings),
      {{2, 1}, false, 1, [reset_last](const CellStep& at) { step(reset_last, at); }});
}

}  // namespace torchkeep::runtime::kernels
