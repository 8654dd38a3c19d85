#include "torchkeep/runtime/dnn/internal.h"

namespace torchkeep::runtime::dnn {
namespace {

template <typename Operation>
Planned make(Machine& machine, const Shape& shape, int axis) {
  const dnnl::memory::desc data = plain_desc(shape);
  const typename Operation::primitive_desc desc(
      typename Operation::desc(dnnl::prop_kind::forward_inference, data, axis), make_attributes({}),
      machine.state().engine);
  return {
      make_primitive(machine, desc, Operation(desc), {{DNNL_ARG_SRC, data}, {DNNL_ARG_DST, data}}),
      Layout(), Layout(), Layout()};
}

}  // namespace

Result<Planned> make_softmax(Machine& machine, const Shape& shape, int axis, bool logarithm) {
  return guarded("softmax", [&]() -> Result<Planned> {
    if (logarithm) return make<dnnl::logsoftmax_forward>(machine, shape, axis);
    return make<dnnl::softmax_forward>(machine, shape, axis);
  });
}

}  // namespace torchkeep::runtime::dnn
