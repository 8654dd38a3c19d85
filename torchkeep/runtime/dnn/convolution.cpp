#include <algorithm>

#include "torchkeep/runtime/dnn/internal.h"

namespace torchkeep::runtime::dnn {
namespace {

using dnnl::memory;
using Desc = dnnl::convolution_forward::primitive_desc;

Desc describe_convolution(Machine& machine, const Convolution& wanted, const memory::desc& input,
                          const memory::desc& weights, const dnnl::primitive_attr& attributes) {
  memory::dims dilations = wanted.dilations;  // oneDNN counts the gaps, ONNX the steps
  for (auto& dilation : dilations) --dilation;
  const DataType written = wanted.quantised ? wanted.quantised->output : DataType::Float32;
  const memory::desc bias = wanted.bias ? plain_desc({wanted.output[1]}) : memory::desc();
  return describe_primitive<dnnl::convolution_forward>(
      machine.state().engine, attributes, dnnl::prop_kind::forward_inference,
      dnnl::algorithm::convolution_direct, input, weights, bias, any_desc(wanted.output, written),
      wanted.strides, dilations, wanted.pads_begin, wanted.pads_end);
}

}  // namespace

Result<Planned> make_convolution(Machine& machine, const Convolution& wanted, const Layout& input,
                                 const std::optional<Layout>& weights) {
  return guarded("convolution", [&]() -> Result<Planned> {
    const auto& quantised = wanted.quantised;
    const DataType read = quantised ? quantised->input : DataType::Float32,
                   held = quantised ? DataType::Int8 : DataType::Float32;
    const dnnl::primitive_attr attributes = quantised
                                                ? make_attributes(wanted.epilogue, *quantised, 1)
                                                : make_attributes(wanted.epilogue);
    const memory::desc weights_desc =
        weights ? desc_of(*weights, wanted.weights, held) : any_desc(wanted.weights, held);
    Desc best = describe_convolution(machine, wanted, any_desc(wanted.input, read), weights_desc,
                                     attributes);
    if (layout_of(best.src_desc()) != input) {
      // A kernel as good that takes the input as it lies saves a pass over it.
      try {
        Desc as_is = describe_convolution(machine, wanted, desc_of(input, wanted.input, read),
                                          weights_desc, attributes);
        if (std::string_view(as_is.impl_info_str()) == best.impl_info_str()) best = as_is;
      } catch (const dnnl::error&) {
        // There is none; the input will be reordered.
      }
    }
    std::vector<Argument> arguments{{DNNL_ARG_SRC, best.src_desc()},
                                    {DNNL_ARG_WEIGHTS, best.weights_desc()}};
    if (wanted.bias) arguments.push_back({DNNL_ARG_BIAS, best.bias_desc()});
    arguments.push_back({DNNL_ARG_DST, best.dst_desc()});
    // A filter of `weights / channels` numbers makes each number of the output.
    const double flops = 2 * count_elements(wanted.output) * count_elements(wanted.weights) /
                         static_cast<double>(std::max<std::int64_t>(wanted.output[1], 1));
    return Planned{
        make_primitive(machine, best, dnnl::convolution_forward(best), std::move(arguments), flops),
        layout_of(best.src_desc()), layout_of(best.weights_desc()), layout_of(best.dst_desc())};
  });
}

}  // namespace torchkeep::runtime::dnn
