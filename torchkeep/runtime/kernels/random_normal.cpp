// RandomNormal-1 to RandomNormal-22: https://onnx.ai/onnx/operators/onnx__RandomNormal.html
// RandomNormalLike-1 to RandomNormalLike-22: the page beside it.
#include "torchkeep/runtime/kernels/drawn.h"
#include "torchkeep/runtime/kernels/operators.h"

namespace torchkeep::runtime::kernels {
namespace {

Result<KernelPointer> make(NodeReader& node, bool like) {
  const double mean = double{TRY(node.float_or("mean", 0))},
               scale = double{TRY(node.float_or("scale", 1))};
  if (!(scale >= 0)) return malformed("scale is ", scale, ", wanted is 0 or more");
  return make_drawn(node, like, [=]<typename T>(const RandomNumbers& numbers, std::uint64_t place) {
    return mean + scale * numbers.normal(place);
  });
}

}  // namespace

Result<KernelPointer> make_random_normal(NodeReader& node) { return make(node, false); }
Result<KernelPointer> make_random_normal_like(NodeReader& node) { return make(node, true); }

}  // namespace torchkeep::runtime::kernels
