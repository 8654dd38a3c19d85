// RNN-1 to RNN-22: https://onnx.ai/onnx/operators/onnx__RNN.html
#include <algorithm>

#include "torchkeep/runtime/kernels/exponential.h"
#include "torchkeep/runtime/kernels/operators.h"
#include "torchkeep/runtime/kernels/processor.h"
#include "torchkeep/runtime/kernels/recurrent.h"

namespace torchkeep::runtime::kernels {
namespace {

[[gnu::always_inline]] inline void bend(const float* sums, float* state, std::size_t size) {
  for (std::size_t i = 0; i < size; ++i) state[i] = fast_tanh(sums[i]);
}

void step(bool relu, const CellStep& at) {
  const std::size_t hidden = at.sizes.hidden;
  at.multiply(0, at.hidden, {at.gates, hidden}, true);
  for (std::size_t b = 0; b < at.sizes.batch; ++b) {
    if (!at.active(b)) continue;
    const float* sums = at.gates + b * hidden;
    float* state = at.hidden + b * hidden;
    if (!relu) {
      run_compiled<bend>(sums, state, hidden);
      continue;
    }
    for (std::size_t i = 0; i < hidden; ++i) state[i] = std::max(sums[i], 0.0F);
  }
}

}  // namespace

Result<KernelPointer> make_rnn(NodeReader& node) {
  RecurrentSettings settings = TRY(read_recurrent(node));
  const bool relu = TRY(read_activations(node, settings, {{"Tanh"}, {"Relu"}})) == 1;
  return make_recurrent(node, std::move(settings),
                        {{1}, false, 0, [relu](const CellStep& at) { step(relu, at); }});
}

}  // namespace torchkeep::runtime::kernels
