#include "torchkeep/runtime/kernels/rescale.h"

#include <cmath>

#include "torchkeep/runtime/kernels/broadcast.h"
#include "torchkeep/runtime/kernels/bytes.h"
#include "torchkeep/runtime/kernels/epilogue.h"
#include "torchkeep/runtime/kernels/types.h"

namespace torchkeep::runtime::kernels {
namespace {

using Kind = graph::Activation::Kind;

bool is_curve(Kind kind) { return kind != Kind::None && kind != Kind::Relu && kind != Kind::Clip; }

std::span<float> floats(SecretBytes& bytes) {
  return {reinterpret_cast<float*>(bytes.expose().data()), bytes.size() / sizeof(float)};
}

}  // namespace

Rescale::Numbers Rescale::numbers_of(const std::optional<graph::Quantisation>& quantisation) {
  if (!quantisation) return {};
  return {quantisation->dtype, quantisation->scale, quantisation->zero};
}

Result<Rescale> Rescale::make(const NodeReader& node, std::size_t channels) {
  const graph::Quantised& mark = *node.node().quantised;
  const std::shared_ptr<const graph::Constant> bias = node.constant(2), scales = node.constant(3);
  if (!scales || scales->dtype() != DataType::Float32)
    return malformed("the scales of its weights are no parameters of FP32");
  const std::span<const float> each = scales->elements<float>();
  if (each.size() != 1 && each.size() != channels)
    return malformed("there are ", each.size(), " scales for ", channels, " channels");
  if (bias && (bias->dtype() != DataType::Float32 || bias->elements<float>().size() != channels))
    return malformed("the bias does not fit ", channels, " channels");
  Rescale made;
  made.input_ = numbers_of(mark.input);
  made.residual_ = numbers_of(mark.second);
  made.output_ = numbers_of(mark.output);
  made.bent_ = is_curve(node.node().activation.kind);
  for (const float scale : each) made.scales_.push_back(scale * made.input_.scale);
  if (!bias && made.residual_.zero == 0) return made;
  made.apart_ = std::make_shared<SecretBytes>(channels * sizeof(float));
  made.joined_ = std::make_shared<SecretBytes>(channels * sizeof(float));
  // What is added before the sum is scaled: the bias, and what the residual's zero point stands
  // for.
  const double offset = double{made.residual_.scale} * made.residual_.zero;
  for (std::size_t c = 0; c < channels; ++c) {
    const double scale = made.scales_[each.size() == 1 ? 0 : c];
    const double sum = bias ? bias->elements<float>()[c] / scale : 0;
    floats(*made.apart_)[c] = static_cast<float>(sum);
    floats(*made.joined_)[c] = static_cast<float>(sum - offset / scale);
  }
  return made;
}

dnn::Quantised Rescale::numbers(bool joined) const {
  dnn::Quantised numbers;
  numbers.input = input_.dtype;
  numbers.input_zero = input_.zero;
  numbers.scales = scales_;
  numbers.output = joined ? output_.dtype : DataType::Float32;
  if (!joined) return numbers;
  numbers.output_zero = output_.zero;
  if (bent_) {
    numbers.residual_scale = residual_.scale;
    numbers.last = 1 / output_.scale;
  } else {
    for (float& scale : numbers.scales) scale /= output_.scale;
    numbers.residual_scale = residual_.scale / output_.scale;
  }
  return numbers;
}

dnn::Epilogue Rescale::epilogue(const plan::Builder& builder) const {
  dnn::Epilogue epilogue = epilogue_of(builder);
  if (epilogue.clip) {
    epilogue.clip->first /= output_.scale;
    epilogue.clip->second /= output_.scale;
  }
  return epilogue;
}

plan::BufferId Rescale::bias(plan::Builder& builder, bool joined) const {
  const auto& bytes = joined ? joined_ : apart_;
  return builder.keep(bytes->expose(), bytes);
}

Result<void> Rescale::expect_input(const plan::Builder& builder) const {
  if (builder.input(0).dtype == input_.dtype) return {};
  return malformed("input 0 is ", name_of(builder.input(0).dtype), ", its zero point is ",
                   name_of(input_.dtype));
}

Result<void> Rescale::add_residual_apart(plan::Builder& builder, const Shape& shape,
                                         plan::BufferId result) const {
  const Shape& other = builder.residual().shape;
  if (builder.residual().dtype != residual_.dtype)
    return malformed("the residual is ", name_of(builder.residual().dtype), ", its zero point is ",
                     name_of(residual_.dtype));
  const Shape output = TRY(broadcast_shapes(shape, other));
  const Broadcast walk(shape, other, output);
  const graph::Activation activation = builder.activation();
  plan::Action action = TRY(action_for(
      Types<float, std::int8_t, std::uint8_t>(), output_.dtype,
      [&, from = residual_, to = output_]<typename T>() -> plan::Action {
        return [=](std::span<std::byte* const> memory, Pool&) -> Result<void> {
          T* next = target<T>(memory, 2);
          for (std::size_t row = 0; row < walk.rows(); ++row) {
            const auto [one, two] = walk.start_of(row);
            for (std::size_t i = 0; i < walk.columns(); ++i) {
              const T number = source<T>(memory, 1)[two + i * walk.right_step()];
              const float sum =
                  source<float>(memory, 0)[one + i * walk.left_step()] +
                  (static_cast<float>(number) - static_cast<float>(from.zero)) * from.scale;
              const float value = activation.apply(sum);
              if constexpr (std::is_same_v<T, float>)
                *next++ = value;
              else
                *next++ = quantise<T>(value, to.scale, to.zero);
            }
          }
          return {};
        };
      }));
  const plan::BufferId right = TRY(builder.read_residual());
  builder.step({result, right, TRY(builder.write(0, output_.dtype, output))}, std::move(action));
  return {};
}

}  // namespace torchkeep::runtime::kernels
