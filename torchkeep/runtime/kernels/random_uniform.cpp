// RandomUniform-1 to RandomUniform-22: https://onnx.ai/onnx/operators/onnx__RandomUniform.html
// RandomUniformLike-1 to RandomUniformLike-22: the page beside it.
#include "torchkeep/runtime/kernels/drawn.h"
#include "torchkeep/runtime/kernels/operators.h"

namespace torchkeep::runtime::kernels {
namespace {

Result<KernelPointer> make(NodeReader& node, bool like) {
  const double low = double{TRY(node.float_or("low", 0))},
               high = double{TRY(node.float_or("high", 1))};
  if (!(low <= high)) return malformed("low is ", low, ", high is ", high);
  return make_drawn(node, like, [=]<typename T>(const RandomNumbers& numbers, std::uint64_t place) {
    return low + (high - low) * numbers.uniform<T>(place);
  });
}

}  // namespace

Result<KernelPointer> make_random_uniform(NodeReader& node) { return make(node, false); }
Result<KernelPointer> make_random_uniform_like(NodeReader& node) { return make(node, true); }

}  // namespace torchkeep::runtime::kernels
