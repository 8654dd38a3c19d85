#include <algorithm>

#include "torchkeep/runtime/dnn/internal.h"

namespace torchkeep::runtime::dnn {
namespace {

using dnnl::memory;

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
    const auto& quantised = wanted.quantised;
    const DataType read = quantised ? quantised->input : DataType::Float32,
                   held = quantised ? DataType::Int8 : DataType::Float32,
                   written = quantised ? quantised->output : DataType::Float32;
    const memory::desc weights = pack                        ? any_desc(wanted.weights, held)
                                 : wanted.transposed_weights ? transposed_desc(wanted.weights, held)
                                                             : plain_desc(wanted.weights, held);
    const memory::desc input = wanted.transposed_input ? transposed_desc(wanted.input, read)
                                                       : plain_desc(wanted.input, read);
    const memory::desc output = plain_desc(wanted.output, written);
    memory::desc bias;
    if (wanted.bias) {
      Shape shape(wanted.output.size(), 1);  // one row, spread over all others
      shape.back() = wanted.output.back();
      bias = plain_desc(shape);
    }
    const int columns = static_cast<int>(wanted.output.size()) - 1;
    const auto attributes = quantised ? make_attributes(wanted.epilogue, *quantised, columns)
                                      : make_attributes(wanted.epilogue, wanted.scale);
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

}  // namespace torchkeep::runtime::dnn
