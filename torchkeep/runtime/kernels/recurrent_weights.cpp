#include "torchkeep/runtime/kernels/recurrent_weights.h"

#include <algorithm>

#include "torchkeep/runtime/kernels/chosen_product.h"
#include "torchkeep/runtime/kernels/types.h"

namespace torchkeep::runtime::kernels {
namespace {

std::int64_t number(std::size_t size) { return static_cast<std::int64_t>(size); }

bool is_float(const std::shared_ptr<graph::Constant>& constant, std::size_t directions,
              std::size_t rows) {
  if (!constant || constant->dtype() != DataType::Float32 || constant->shape().size() != 3)
    return false;
  const Shape& shape = constant->shape();
  return shape[0] == number(directions) && shape[1] == number(rows) && shape[2] > 0;
}

void pack_all(const RecurrentProduct& product, std::size_t directions, const float* from,
              std::size_t from_step, float* to) {
  for (std::size_t d = 0; d < directions; ++d)
    product.pack(from + d * from_step, to + d * product.floats());
}

}  // namespace

RecurrentWeights::RecurrentWeights(std::size_t directions, std::size_t hidden, std::size_t gates,
                                   std::shared_ptr<graph::Constant> input,
                                   std::shared_ptr<graph::Constant> state)
    : directions_(directions), width_(gates * hidden) {
  has_input_ = is_float(input, directions, width_);
  if (has_input_) {
    input_size_ = input->shape()[2];
    input_ = std::move(input);
  }
  has_state_ = is_float(state, directions, width_) && state->shape()[2] == number(hidden);
  if (has_state_) state_ = std::move(state);
}

std::uint64_t RecurrentWeights::bytes() const {
  std::uint64_t sum = panels_.bytes.size();
  for (const Packed& packed : packed_) sum += packed.bytes();
  return sum;
}

Result<Shape> RecurrentWeights::input_shape(const plan::Builder& builder) const {
  if (has_input_) return Shape{number(directions_), number(width_), input_size_};
  return builder.input(1).shape;
}

Result<void> RecurrentWeights::split() {
  const std::span<const float> all = std::as_const(*input_).elements<float>();
  const std::size_t each = all.size() / directions_;
  for (std::size_t d = 0; d < directions_; ++d) {
    auto part = TRY(graph::Constant::make(DataType::Float32, {number(width_), input_size_}));
    std::ranges::copy(all.subspan(d * each, each), part->elements<float>().begin());
    packed_.emplace_back(std::move(part), Shape{input_size_, number(width_)}, true);
  }
  input_.reset();
  return {};
}

Result<plan::BufferId> RecurrentWeights::turned(plan::Builder& builder, std::size_t direction,
                                                const RecurrentSizes& sizes) const {
  const plan::BufferId from = TRY(builder.read(1));
  const plan::BufferId to = TRY(
      builder.scratch(TRY(byte_count(DataType::Float32, {number(sizes.input), number(width_)}))));
  builder.step({from, to},
               [direction, inner = sizes.input, columns = width_](
                   std::span<std::byte* const> memory, Pool&) -> Result<void> {
                 const float* start = source<float>(memory, 0) + direction * columns * inner;
                 for (std::size_t i = 0; i < inner; ++i) {
                   for (std::size_t k = 0; k < columns; ++k)
                     target<float>(memory, 1)[i * columns + k] = start[k * inner + i];
                 }
                 return {};
               });
  return to;
}

Result<std::vector<plan::BufferId>> RecurrentWeights::multiply_input(
    plan::Builder& builder, const RecurrentSizes& sizes, plan::BufferId x,
    std::span<const plan::BufferId> biases) {
  if (input_) TRY(split());
  dnn::MatMul product;
  product.input = {number(sizes.steps * sizes.batch), number(sizes.input)};
  product.weights = {number(sizes.input), number(width_)};
  product.output = {number(sizes.steps * sizes.batch), number(width_)};
  product.bias = !biases.empty();
  std::vector<plan::BufferId> products;
  for (std::size_t d = 0; d < directions_; ++d) {
    ChosenProduct chosen = TRY(
        ChosenProduct::choose(builder, product, has_input_ ? &packed_[d] : nullptr, has_input_));
    const plan::BufferId weights = has_input_ ? TRY(packed_[d].in_layout(builder, chosen.weights()))
                                              : TRY(turned(builder, d, sizes));
    std::vector<plan::BufferId> buffers{x, weights};
    if (product.bias) buffers.push_back(biases[d]);
    products.push_back(TRY(builder.scratch(TRY(byte_count(DataType::Float32, product.output)))));
    buffers.push_back(products.back());
    TRY(std::move(chosen).add_step(builder, false, std::move(buffers)));
  }
  return products;
}

Result<plan::BufferId> RecurrentWeights::panels(plan::Builder& builder,
                                                const RecurrentProduct& product) {
  const std::size_t from_step = width_ * product.hidden();
  const std::uint64_t bytes = directions_ * product.floats() * sizeof(float);
  if (has_state_) {
    if (panels_.owner == nullptr) {
      panels_ = builder.machine().shelf().take(bytes);
      pack_all(product, directions_, std::as_const(*state_).elements<float>().data(), from_step,
               reinterpret_cast<float*>(panels_.bytes.data()));
      graph::give_away(std::move(state_), builder.machine().shelf());
    }
    return builder.keep(panels_.bytes, panels_.owner);
  }
  const plan::BufferId from = TRY(builder.read(2)), to = TRY(builder.scratch(bytes));
  builder.step({from, to},
               [product, directions = directions_, from_step](std::span<std::byte* const> memory,
                                                              Pool&) -> Result<void> {
                 pack_all(product, directions, source<float>(memory, 0), from_step,
                          target<float>(memory, 1));
                 return {};
               });
  return to;
}

}  // namespace torchkeep::runtime::kernels
