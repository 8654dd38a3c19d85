// Erf-9, Erf-13: https://onnx.ai/onnx/operators/onnx__Erf.html
#include "torchkeep/runtime/kernels/erf.h"

#include "torchkeep/runtime/kernels/map.h"
#include "torchkeep/runtime/kernels/operators.h"

namespace torchkeep::runtime::kernels {

Result<KernelPointer> make_erf(NodeReader&) {
  return make_map<FloatTypes>([]<typename T>(T x) {
    if constexpr (std::is_same_v<T, float>)
      return fast_erf(x);
    else
      return std::erf(x);
  });
}

}  // namespace torchkeep::runtime::kernels
