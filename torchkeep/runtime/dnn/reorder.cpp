#include "torchkeep/runtime/dnn/internal.h"

namespace torchkeep::runtime::dnn {

namespace {

Result<Primitive> reorder(Machine& machine, const dnnl::memory::desc& source,
                          const dnnl::memory::desc& target) {
  const dnnl::reorder::primitive_desc desc(machine.state().engine, source, machine.state().engine,
                                           target, make_attributes({}));
  return make_primitive(machine, desc, dnnl::reorder(desc),
                        {{DNNL_ARG_FROM, source}, {DNNL_ARG_TO, target}});
}

}  // namespace

Result<Primitive> make_reorder(Machine& machine, const Shape& shape, const Layout& from,
                               const Layout& to, DataType dtype) {
  return guarded("reorder", [&] {
    return reorder(machine, desc_of(from, shape, dtype), desc_of(to, shape, dtype));
  });
}

Result<Primitive> make_strided_reorder(Machine& machine, const Shape& matrix, std::int64_t row_step,
                                       const Layout& to) {
  return guarded("reorder", [&] {
    const dnnl::memory::desc source(matrix, type_of(DataType::Float32), {row_step, 1});
    return reorder(machine, source, desc_of(to, matrix));
  });
}

Result<Primitive> make_transposing_reorder(Machine& machine, const Shape& shape, const Layout& to,
                                           DataType dtype) {
  return guarded("reorder", [&] {
    return reorder(machine, transposed_desc(shape, dtype), desc_of(to, shape, dtype));
  });
}

}  // namespace torchkeep::runtime::dnn
