// Ceil, Floor, Round, Sign, Reciprocal, versions 6 to 22:
// https://onnx.ai/onnx/operators/onnx__Ceil.html and the others' pages beside it.
#include <cmath>

#include "torchkeep/runtime/kernels/map.h"
#include "torchkeep/runtime/kernels/operators.h"

namespace torchkeep::runtime::kernels {

Result<KernelPointer> make_ceil(NodeReader&) {
  return make_map<FloatTypes>([](auto x) { return std::ceil(x); });
}
Result<KernelPointer> make_floor(NodeReader&) {
  return make_map<FloatTypes>([](auto x) { return std::floor(x); });
}
// Halves go to the even neighbour, which is the processor's mode too.
Result<KernelPointer> make_round(NodeReader&) {
  return make_map<FloatTypes>([](auto x) { return std::nearbyint(x); });
}
Result<KernelPointer> make_sign(NodeReader&) {
  return make_map<NumberTypes>([]<typename T>(T x) {
    return static_cast<T>(static_cast<int>(x > T{0}) - static_cast<int>(x < T{0}));
  });
}
Result<KernelPointer> make_reciprocal(NodeReader&) {
  return make_map<FloatTypes>([]<typename T>(T x) { return T{1} / x; });
}

}  // namespace torchkeep::runtime::kernels
