#include "torchkeep/runtime/dnn/internal.h"

namespace torchkeep::runtime::dnn {
Result<Planned> make_softmax(Machine& machine, const Shape& shape, int axis, bool logarithm) {
  return guarded("softmax", [&]() -> Result<Planned> {
    const dnnl::memory::desc data = plain_desc(shape);
    const auto algorithm =
        logarithm ? dnnl::algorithm::softmax_log : dnnl::algorithm::softmax_accurate;
    const auto desc = describe_primitive<SoftmaxForward>(
        machine.state().engine, make_attributes({}), dnnl::prop_kind::forward_inference, algorithm,
        data, data, axis);
    return Planned{make_primitive(machine, desc, SoftmaxForward(desc),
                                  {{DNNL_ARG_SRC, data}, {DNNL_ARG_DST, data}}),
                   Layout(), Layout(), Layout()};
  });
}

}  // namespace torchkeep::runtime::dnn
