// Conv-1, Conv-11: https://onnx.ai/onnx/operators/onnx__Conv.html
#include "torchkeep/runtime/kernels/convolution_way.h"
#include "torchkeep/runtime/kernels/epilogue.h"
#include "torchkeep/runtime/kernels/operators.h"
#include "torchkeep/runtime/kernels/rescale.h"
#include "torchkeep/runtime/kernels/tiled_convolution.h"
#include "torchkeep/runtime/kernels/window.h"
#include "torchkeep/runtime/kernels/winograd_convolution.h"

namespace torchkeep::runtime::kernels {
namespace {

class Conv final : public Kernel {
 public:
  /// `rescale`: of a quantised one, whose weights are constant.
  Conv(Window window, std::int64_t groups, bool bias, std::shared_ptr<graph::Constant> weights,
       std::optional<Rescale> rescale)
      : window_(std::move(window)), groups_(groups), bias_(bias), rescale_(std::move(rescale)) {
    if (!weights) return;
    weights_shape_ = weights->shape();
    packed_.emplace(std::move(weights), grouped(weights_shape_));
  }

  bool packs(std::size_t input) const override {
    return packed_ && (input == 1 || (input > 1 && rescale_));
  }
  std::uint64_t packed_bytes() const override { return packed_ ? packed_->bytes() : 0; }

  Result<void> plan(plan::Builder& builder) override {
    const dnn::Convolution convolution = TRY(describe_convolution(builder));
    const ConvolutionWay way = choose_way(builder, convolution, packed_ ? &*packed_ : nullptr);
    dnn::Planned planned = way == ConvolutionWay::Primitive
                               ? TRY(choose_primitive(builder, convolution))
                               : tiled_layouts(convolution, builder.input(0).layout);
    std::vector<plan::BufferId> buffers{TRY(builder.read(0, planned.input))};
    if (way == ConvolutionWay::Winograd)
      buffers.push_back(TRY(read_winograd_filters(builder, *packed_)));
    else if (packed_)
      buffers.push_back(TRY(packed_->in_layout(builder, planned.weights)));
    else
      buffers.push_back(TRY(reorder_weights(builder, convolution.weights, planned.weights)));
    const bool fits = residual_fits(builder, convolution.output, output_type());
    if (rescale_ && rescale_->has_bias()) {
      buffers.push_back(rescale_->bias(builder, fits));
    } else if (bias_) {
      buffers.push_back(TRY(builder.read(2)));
    }
    const auto convolve = [&](plan::BufferId result) -> Result<void> {
      buffers.push_back(result);
      const graph::Activation activation = fits ? builder.activation() : graph::Activation{};
      switch (way) {
        case ConvolutionWay::Primitive:
          return builder.step(std::move(buffers), std::move(planned.primitive));
        case ConvolutionWay::Tiles:
          plan_tiled_convolution(builder, convolution, planned, activation, std::move(buffers));
          return {};
        case ConvolutionWay::Winograd:
          return plan_winograd(builder, convolution, planned, activation, std::move(buffers));
      }
      return {};
    };
    const Shape& shape = convolution.output;
    if (fits) return convolve(TRY(write_output(builder, shape, planned.output, output_type())));
    const plan::BufferId result = TRY(builder.scratch(planned.output.bytes(shape)));
    TRY(convolve(result));
    if (rescale_) return add_apart(builder, shape, planned.output, result);
    return add_residual_apart(builder, shape, planned.output, result);
  }

 private:
  DataType output_type() const { return rescale_ ? rescale_->output() : DataType::Float32; }

  Result<dnn::Planned> choose_primitive(plan::Builder& builder,
                                        const dnn::Convolution& convolution) const {
    const dnn::Layout input = builder.input(0).layout;
    dnn::Planned best =
        TRY(dnn::make_convolution(builder.machine(), convolution, input, std::nullopt));
    const std::optional<dnn::Layout> layout = packed_ ? packed_->layout() : std::nullopt;
    if (!layout || *layout == best.weights) return best;
    // Other shapes may like other weights best; the same kernel on the weights as they are saves
    // memory.
    Result<dnn::Planned> as_packed =
        dnn::make_convolution(builder.machine(), convolution, input, layout);
    if (as_packed && as_packed->primitive.implementation() == best.primitive.implementation())
      return std::move(as_packed).value();
    return best;
  }

  /// [o, i, ...] as [groups, o, i, ...].
  Shape grouped(const Shape& weights) const {
    if (groups_ == 1 || weights.empty()) return weights;
    Shape shape = weights;
    shape[0] /= groups_;
    shape.insert(shape.begin(), groups_);
    return shape;
  }

  Result<dnn::Convolution> describe_convolution(plan::Builder& builder) const {
    TRY(rescale_ ? rescale_->expect_input(builder) : expect_float(builder, 0));
    if (!packed_) TRY(expect_float(builder, 1));
    const Shape& input = builder.input(0).shape;
    const Shape& weights = packed_ ? weights_shape_ : builder.input(1).shape;
    if (input.size() < 3 || input.size() > 5 || weights.size() != input.size()) {
      return malformed("an input of shape ", describe(input), " and weights of shape ",
                       describe(weights), " are no 1, 2 or 3 dimensional convolution");
    }
    if (input[1] != weights[1] * groups_ || weights[0] % groups_ != 0 || weights[0] == 0) {
      return malformed("weights of shape ", describe(weights), " in ", groups_,
                       " groups do not fit an input of shape ", describe(input));
    }
    const PlacedWindow window = TRY(place_window(window_, Shape(weights.begin() + 2, weights.end()),
                                                 std::span(input).subspan(2)));
    dnn::Convolution convolution{input,
                                 grouped(weights),
                                 {input[0], weights[0]},
                                 window.strides,
                                 window.dilations,
                                 window.pads_begin,
                                 window.pads_end,
                                 groups_ != 1,
                                 bias_,
                                 rescale_ ? rescale_->epilogue(builder) : epilogue_of(builder),
                                 std::nullopt};
    convolution.output.insert(convolution.output.end(), window.output.begin(), window.output.end());
    if (bias_ && !rescale_) {
      TRY(expect_float(builder, 2));
      if (builder.input(2).shape != Shape{weights[0]}) {
        return malformed("a bias of shape ", describe(builder.input(2).shape), " does not fit ",
                         weights[0], " channels");
      }
    }
    TRY(element_count(convolution.output));
    // What does not fit is added, and the activation done, by a step of its own.
    const bool fits = residual_fits(builder, convolution.output, output_type());
    if (!fits) convolution.epilogue = {};
    if (rescale_) {
      convolution.quantised = rescale_->numbers(fits);
      convolution.bias = rescale_->has_bias();
    }
    return convolution;
  }

  Result<void> add_apart(plan::Builder& builder, const Shape& shape, const dnn::Layout& layout,
                         plan::BufferId result) const {
    if (layout.is_plain()) return rescale_->add_residual_apart(builder, shape, result);
    const plan::BufferId plain = TRY(builder.scratch(TRY(byte_count(DataType::Float32, shape))));
    TRY(builder.step({result, plain},
                     TRY(dnn::make_reorder(builder.machine(), shape, layout, {}))));
    return rescale_->add_residual_apart(builder, shape, plain);
  }

  static Result<plan::BufferId> reorder_weights(plan::Builder& builder, const Shape& shape,
                                                const dnn::Layout& layout) {
    const plan::BufferId source = TRY(builder.read(1));
    if (layout.is_plain()) return source;
    const plan::BufferId target = TRY(builder.scratch(layout.bytes(shape)));
    TRY(builder.step({source, target},
                     TRY(dnn::make_reorder(builder.machine(), shape, {}, layout))));
    return target;
  }

  Window window_;
  std::int64_t groups_;
  bool bias_;
  Shape weights_shape_;
  std::optional<Packed> packed_;
  std::optional<Rescale> rescale_;
};

}  // namespace

Result<KernelPointer> make_conv(NodeReader& node) {
  Window window = TRY(read_window(node));
  const std::int64_t groups = TRY(node.int_or("group", 1));
  if (groups < 1 || groups > (1 << 20)) return malformed("group is ", groups);
  std::shared_ptr<graph::Constant> weights = node.constant(1);
  const bool quantised = node.node().quantised.has_value();
  if (node.node().inputs.size() > (quantised ? 4 : 3))
    return malformed("there are ", node.node().inputs.size(), " inputs, at most 3 are wanted");
  if (quantised && (!weights || weights->dtype() != DataType::Int8))
    return malformed("the weights of a quantised convolution are no parameters of INT8");
  if (!quantised && weights && weights->dtype() != DataType::Float32) {
    return malformed("weights are ", name_of(weights->dtype()), ", supported is FP32");
  }
  if (weights && (weights->shape().empty() || weights->shape()[0] % groups != 0)) {
    return malformed("weights of shape ", describe(weights->shape()), " do not go into ", groups,
                     " groups");
  }
  std::optional<Rescale> rescale;
  if (quantised) rescale = TRY(Rescale::make(node, static_cast<std::size_t>(weights->shape()[0])));
  return std::make_unique<Conv>(std::move(window), groups, node.has_input(2), std::move(weights),
                                std::move(rescale));
}

}  // namespace torchkeep::runtime::kernels
