// Log-6, Log-13: https://onnx.ai/onnx/operators/onnx__Log.html
// Not oneDNN's, which is 1e-6 off at 1, where the logarithm is 0.
#include <cmath>

#include "torchkeep/runtime/kernels/map.h"
#include "torchkeep/runtime/kernels/operators.h"

namespace torchkeep::runtime::kernels {

Result<KernelPointer> make_log(NodeReader&) {
  return make_map<FloatTypes>([](auto x) { return std::log(x); });
}

}  // namespace torchkeep::runtime::kernels
