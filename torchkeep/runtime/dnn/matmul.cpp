#include <algorithm>

#include "torchkeep/runtime/dnn/internal.h"

namespace torchkeep::runtime::dnn {
namespace {

using dnnl::memory;

memory::desc transposed_desc(const Shape& shape) {
  return {memory::dims(shape), memory::data_type::f32,
          memory::dims{1, std::max<memory::dim>(shape[0], 1)}};
}

bool has_elements(const Shape& shape) {
  return std::find(shape.begin(), shape.end(), 0) == shape.end();
}

Shape with_elements(Shape shape) {
  for (std::int64_t& size : shape) size = std::max<std::int64_t>(size, 1);
  return shape;
}

// oneDNN 2.6 divides by sizes of zero. What has nothing to write is planned with sizes of one,
// whose layouts it shares, and rests.
Result<Planned> make_resting(Machine& machine, const MatMul& wanted, bool pack) {
  if (pack && !has_elements(wanted.weights)) {
    return malformed("weights of shape ", describe(wanted.weights), " have no elements");
  }
  MatMul one = wanted;
  one.input = with_elements(wanted.input);
  one.weights = with_elements(wanted.weights);
  one.output = with_elements(wanted.output);
  Planned planned = TRY(make_matmul(machine, one, pack));
  planned.primitive.rest();
  return planned;
}

}  // namespace

Result<Planned> make_matmul(Machine& machine, const MatMul& wanted, bool pack) {
  if (!has_elements(wanted.output)) return make_resting(machine, wanted, pack);
  if (!has_elements(wanted.input) || !has_elements(wanted.weights)) {
    return malformed("a product of ", describe(wanted.input), " and ", describe(wanted.weights),
                     " sums up nothing");
  }
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
    const auto desc = describe_primitive<dnnl::matmul>(machine.state().engine, attributes, input,
                                                       weights, bias, output);
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
