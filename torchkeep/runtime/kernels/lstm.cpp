// LSTM-1 to LSTM-22: https://onnx.ai/onnx/operators/onnx__LSTM.html
#include "torchkeep/runtime/kernels/exponential.h"
#include "torchkeep/runtime/kernels/operators.h"
#include "torchkeep/runtime/kernels/processor.h"
#include "torchkeep/runtime/kernels/recurrent.h"

namespace torchkeep::runtime::kernels {
namespace {

constexpr std::size_t kGates = 4;  // input, output, forget, cell

/// One row's new cell and state. `peepholes`: of input, output and forget; or null.
[[gnu::always_inline]] inline void bend(const float* gates, const float* peepholes, float* cell,
                                        float* hidden, std::size_t size) {
  const float *in = gates, *out = gates + size, *forget = gates + 2 * size,
              *fresh = gates + 3 * size;
  if (peepholes == nullptr) {
    for (std::size_t i = 0; i < size; ++i) {
      cell[i] = fast_sigmoid(forget[i]) * cell[i] + fast_sigmoid(in[i]) * fast_tanh(fresh[i]);
      hidden[i] = fast_sigmoid(out[i]) * fast_tanh(cell[i]);
    }
    return;
  }
  const float *of_in = peepholes, *of_out = peepholes + size, *of_forget = peepholes + 2 * size;
  for (std::size_t i = 0; i < size; ++i) {
    const float before = cell[i];
    cell[i] = fast_sigmoid(forget[i] + of_forget[i] * before) * before +
              fast_sigmoid(in[i] + of_in[i] * before) * fast_tanh(fresh[i]);
    hidden[i] = fast_sigmoid(out[i] + of_out[i] * cell[i]) * fast_tanh(cell[i]);
  }
}

void step(const CellStep& at) {
  const std::size_t hidden = at.sizes.hidden, width = kGates * hidden;
  at.multiply(0, at.hidden, {at.gates, width}, true);
  for (std::size_t b = 0; b < at.sizes.batch; ++b) {
    if (!at.active(b)) continue;
    const float* gates = at.gates + b * width;
    run_compiled<bend>(gates, at.peepholes, at.cell + b * hidden, at.hidden + b * hidden, hidden);
  }
}

}  // namespace

Result<KernelPointer> make_lstm(NodeReader& node) {
  RecurrentSettings settings = TRY(read_recurrent(node));
  TRY(read_activations(node, settings, {{"Sigmoid", "Tanh", "Tanh"}}));
  if (TRY(node.int_or("input_forget", 0)) != 0) return malformed("input_forget is not supported");
  return make_recurrent(node, std::move(settings), {{kGates}, true, 0, step});
}

}  // namespace torchkeep::runtime::kernels
