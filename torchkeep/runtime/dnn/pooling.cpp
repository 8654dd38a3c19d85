#include "torchkeep/runtime/dnn/internal.h"

namespace torchkeep::runtime::dnn {
namespace {

dnnl::algorithm algorithm_of(PoolKind kind) {
  switch (kind) {
    case PoolKind::Max: return dnnl::algorithm::pooling_max;
    case PoolKind::AverageWithPadding: return dnnl::algorithm::pooling_avg_include_padding;
    case PoolKind::AverageWithoutPadding: break;
  }
  return dnnl::algorithm::pooling_avg_exclude_padding;
}

}  // namespace

Result<Planned> make_pooling(Machine& machine, const Pooling& wanted, const Layout& input) {
  return guarded("pooling", [&]() -> Result<Planned> {
    dnnl::memory::dims dilations = wanted.dilations;  // oneDNN counts the gaps, ONNX the steps
    for (auto& dilation : dilations) --dilation;
    const dnnl::memory::desc source = desc_of(input, wanted.input, wanted.dtype);
    const auto desc = describe_primitive<PoolingForward>(
        machine.state().engine, make_attributes({}), dnnl::prop_kind::forward_inference,
        algorithm_of(wanted.kind), source, any_desc(wanted.output, wanted.dtype), wanted.strides,
        wanted.kernel, dilations, wanted.pads_begin, wanted.pads_end);
    return Planned{make_primitive(machine, desc, PoolingForward(desc),
                                  {{DNNL_ARG_SRC, source}, {DNNL_ARG_DST, desc.dst_desc()}}),
                   input, Layout(), layout_of(desc.dst_desc())};
  });
}

}  // namespace torchkeep::runtime::dnn
