#include "torchkeep/runtime/dnn/internal.h"

namespace torchkeep::runtime::dnn {
namespace {

dnnl::algorithm algorithm_of(EltwiseKind kind) {
  switch (kind) {
    case EltwiseKind::Abs: return dnnl::algorithm::eltwise_abs;
    case EltwiseKind::Clip: return dnnl::algorithm::eltwise_clip;
    case EltwiseKind::Exp: return dnnl::algorithm::eltwise_exp;
    case EltwiseKind::HardSwish: return dnnl::algorithm::eltwise_hardswish;
    case EltwiseKind::Linear: return dnnl::algorithm::eltwise_linear;
    case EltwiseKind::Relu: return dnnl::algorithm::eltwise_relu;
    case EltwiseKind::Sigmoid: return dnnl::algorithm::eltwise_logistic;
    case EltwiseKind::Sqrt: return dnnl::algorithm::eltwise_sqrt;
    case EltwiseKind::Tanh: break;
  }
  return dnnl::algorithm::eltwise_tanh;
}

dnnl::algorithm algorithm_of(BinaryKind kind) {
  switch (kind) {
    case BinaryKind::Add: return dnnl::algorithm::binary_add;
    case BinaryKind::Sub: return dnnl::algorithm::binary_sub;
    case BinaryKind::Mul: return dnnl::algorithm::binary_mul;
    case BinaryKind::Div: return dnnl::algorithm::binary_div;
    case BinaryKind::Max: return dnnl::algorithm::binary_max;
    case BinaryKind::Min: break;
  }
  return dnnl::algorithm::binary_min;
}

}  // namespace

Result<Planned> make_eltwise(Machine& machine, EltwiseKind kind, float alpha, float beta,
                             const Shape& shape, const Layout& layout) {
  return guarded("elementwise function", [&]() -> Result<Planned> {
    const dnnl::memory::desc data = desc_of(layout, shape);
    const auto desc = describe_eltwise(machine.state().engine, make_attributes({}),
                                       algorithm_of(kind), data, alpha, beta);
    return Planned{make_primitive(machine, desc, dnnl::eltwise_forward(desc),
                                  {{DNNL_ARG_SRC, data}, {DNNL_ARG_DST, data}}),
                   layout, Layout(), layout};
  });
}

Result<Planned> make_binary(Machine& machine, BinaryKind kind, const Shape& left,
                            const Layout& left_layout, const Shape& right,
                            const Layout& right_layout) {
  return guarded("elementwise operation", [&]() -> Result<Planned> {
    const dnnl::memory::desc first = desc_of(left_layout, left),
                             second = desc_of(right_layout, right);
    const auto desc = describe_primitive<dnnl::binary>(machine.state().engine, make_attributes({}),
                                                       algorithm_of(kind), first, second, first);
    return Planned{
        make_primitive(machine, desc, dnnl::binary(desc),
                       {{DNNL_ARG_SRC_0, first}, {DNNL_ARG_SRC_1, second}, {DNNL_ARG_DST, first}}),
        left_layout, right_layout, left_layout};
  });
}

}  // namespace torchkeep::runtime::dnn
