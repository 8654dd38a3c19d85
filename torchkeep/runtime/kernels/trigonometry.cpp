// Sin, Cos, Tan, Asin, Acos, Atan, Sinh, Cosh, Asinh, Acosh, Atanh, versions 7 to 22:
// https://onnx.ai/onnx/operators/onnx__Sin.html and the others' pages beside it.
#include <cmath>

#include "torchkeep/runtime/kernels/map.h"
#include "torchkeep/runtime/kernels/operators.h"

namespace torchkeep::runtime::kernels {

Result<KernelPointer> make_acos(NodeReader&) {
  return make_map<FloatTypes>([](auto x) { return std::acos(x); });
}
Result<KernelPointer> make_acosh(NodeReader&) {
  return make_map<FloatTypes>([](auto x) { return std::acosh(x); });
}
Result<KernelPointer> make_asin(NodeReader&) {
  return make_map<FloatTypes>([](auto x) { return std::asin(x); });
}
Result<KernelPointer> make_asinh(NodeReader&) {
  return make_map<FloatTypes>([](auto x) { return std::asinh(x); });
}
Result<KernelPointer> make_atan(NodeReader&) {
  return make_map<FloatTypes>([](auto x) { return std::atan(x); });
}
Result<KernelPointer> make_atanh(NodeReader&) {
  return make_map<FloatTypes>([](auto x) { return std::atanh(x); });
}
Result<KernelPointer> make_cos(NodeReader&) {
  return make_map<FloatTypes>([](auto x) { return std::cos(x); });
}
Result<KernelPointer> make_cosh(NodeReader&) {
  return make_map<FloatTypes>([](auto x) { return std::cosh(x); });
}
Result<KernelPointer> make_sin(NodeReader&) {
  return make_map<FloatTypes>([](auto x) { return std::sin(x); });
}
Result<KernelPointer> make_sinh(NodeReader&) {
  return make_map<FloatTypes>([](auto x) { return std::sinh(x); });
}
Result<KernelPointer> make_tan(NodeReader&) {
  return make_map<FloatTypes>([](auto x) { return std::tan(x); });
}

}  // namespace torchkeep::runtime::kernels
