#include "torchkeep/runtime/dnn/internal.h"

namespace torchkeep::runtime::dnn {

Result<Primitive> make_reorder(Machine& machine, const Shape& shape, const Layout& from,
                               const Layout& to, DataType dtype) {
  return guarded("reorder", [&]() -> Result<Primitive> {
    const dnnl::memory::desc source = desc_of(from, shape, dtype),
                             target = desc_of(to, shape, dtype);
    const dnnl::reorder::primitive_desc desc(machine.state().engine, source, machine.state().engine,
                                             target, make_attributes({}));
    return make_primitive(machine, desc, dnnl::reorder(desc),
                          {{DNNL_ARG_FROM, source}, {DNNL_ARG_TO, target}});
  });
}

}  // namespace torchkeep::runtime::dnn
