// Abs, Exp, Neg, Relu, Sigmoid, Sqrt, Tanh, LeakyRelu, HardSwish: functions that oneDNN has as they
// are. https://onnx.ai/onnx/operators/onnx__Relu.html and the others' pages beside it.
#include "torchkeep/runtime/kernels/elementwise.h"
#include "torchkeep/runtime/kernels/operators.h"

namespace torchkeep::runtime::kernels {

using dnn::EltwiseKind;

Result<KernelPointer> make_abs(NodeReader&) { return make_function(EltwiseKind::Abs); }
Result<KernelPointer> make_exp(NodeReader&) { return make_function(EltwiseKind::Exp, 0, 0, false); }
Result<KernelPointer> make_neg(NodeReader&) { return make_function(EltwiseKind::Linear, -1, 0); }
Result<KernelPointer> make_relu(NodeReader&) { return make_function(EltwiseKind::Relu); }
Result<KernelPointer> make_sigmoid(NodeReader&) {
  return make_function(EltwiseKind::Sigmoid, 0, 0, false);
}
Result<KernelPointer> make_sqrt(NodeReader&) { return make_function(EltwiseKind::Sqrt); }
Result<KernelPointer> make_tanh(NodeReader&) { return make_function(EltwiseKind::Tanh); }
Result<KernelPointer> make_hard_swish(NodeReader&) { return make_function(EltwiseKind::HardSwish); }
Result<KernelPointer> make_leaky_relu(NodeReader& node) {
  return make_function(EltwiseKind::Relu, TRY(node.float_or("alpha", 0.01F)));
}

}  // namespace torchkeep::runtime::kernels
