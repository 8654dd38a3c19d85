#include "torchkeep/runtime/dnn/internal.h"

namespace torchkeep::runtime::dnn {
namespace {

using dnnl::memory;

memory::desc transposed_desc(const Shape& shape) {
  return {memory::dims(shape), memory::data_type::f32,
          memory::dims{1, std::max<memory::dim>(shape[0], 1)}};
}

}  // namespace

Result<Planned> make_matmul(Machine& machine, const MatMul& wanted, bool pack) {
  return guarded("matrix product", [&]() -> Result<Planned> {
    const memory::desc weights = pack                        ? any_desc(wanted.weights)
                                 : wanted.transposed_weights ? transposed_desc(wanted.weights)
                                                             : plain_desc(wanted.weights);
    const memory::desc input =
        wanted.transposed_input ? transposed_desc(wanted.input) : plain_desc(wanted.input);
    const memory::desc output = plain_desc(wanted.output);
    memory::desc bias;
    if (wanted.bias) {
      Shape shape(wanted.output.size(), 1);  // one row, spread over all others
      shape.back() = wanted.output.back();
      bias = plain_desc(shape);
    }
    const auto attributes = make_attributes(wanted.epilogue, wanted.scale);
    const dnnl::matmul::primitive_desc desc(dnnl::matmul::desc(input, weights, bias, output),
                                            attributes, machine.state().engine);
    std::vector<Argument> arguments{{DNNL_ARG_SRC, input}, {DNNL_ARG_WEIGHTS, desc.weights_desc()}};
    if (wanted.bias) arguments.push_back({DNNL_ARG_BIAS, bias});
    arguments.push_back({DNNL_ARG_DST, output});
    const double flops =
        2 * count_elements(wanted.output) * static_cast<double>(wanted.input.back());
    return Planned{make_primitive(machine, desc, dnnl::matmul(desc), std::move(arguments), flops),
                   Layout(), layout_of(desc.weights_desc()), Layout()};
  });
}

Result<Primitive> make_transposing_reorder(Machine& machine, const Shape& shape, const Layout& to) {
  return guarded("reorder", [&]() -> Result<Primitive> {
    const memory::desc source = transposed_desc(shape), target = desc_of(to, shape);
    const dnnl::reorder::primitive_desc desc(machine.state().engine, source, machine.state().engine,
                                             target, make_attributes({}));
    return make_primitive(machine, desc, dnnl::reorder(desc),
                          {{DNNL_ARG_FROM, source}, {DNNL_ARG_TO, target}});
  });
}

}  // namespace torchkeep::runtime::dnn
