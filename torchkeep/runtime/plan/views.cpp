#include <algorithm>

#include "torchkeep/runtime/plan/lying.h"
#include "torchkeep/runtime/plan/planner.h"

namespace torchkeep::runtime::plan {
namespace {

/// Whether whole matrices are repeated, as for heads of queries that share one of keys: attention
/// follows those where they lie. Other operators read neighbours, and had better be given them.
bool repeats_matrices(const Shape& from, const Shape& to) {
  const std::size_t rank = to.size();
  return from.size() == rank && rank > 3 && from[rank - 1] == to[rank - 1] &&
         from[rank - 2] == to[rank - 2];
}

}  // namespace

using graph::ValueId;

bool Planner::view_spread(ValueId value, ValueId input, const Shape& shape) {
  const ValueState& from = state(input);
  const Shape& given = from.operand.shape;
  const bool is_apart = !from.lying.empty();
  if (!is_apart && (!from.operand.layout.is_plain() || !repeats_matrices(given, shape)))
    return false;
  Lying lying = spread(is_apart ? from.lying : lying_in(given, given), given, shape);
  bind(value, {from.operand.dtype, shape, {}, nullptr}, buffer_of(input), std::move(lying),
       from.start);
  return true;
}

Result<void> Planner::view(ValueId value, ValueId input, Shape shape) {
  const ValueState& from = state(input);
  if (!from.lying.empty()) {
    if (auto seen = reshaped(from.lying, shape)) {
      bind(value, {from.operand.dtype, std::move(shape), {}, nullptr}, from.buffer,
           std::move(*seen), from.start);
      return {};
    }
  }
  const BufferId buffer = TRY(read(input, {}));
  // The view's readers may overwrite a copy that was made for it, so no other reader may find it.
  std::erase_if(state(input).copies, [&](const auto& copy) { return copy.second == buffer; });
  Operand operand{from.operand.dtype, std::move(shape), {}, nullptr};
  TORCHKEEP_CHECK(bytes_of(operand) == plan_->buffers_[buffer].bytes);
  bind(value, std::move(operand), buffer);
  return {};
}

bool Planner::view_repeated(ValueId value, ValueId input, std::size_t axis, std::int64_t whole,
                            std::int64_t each) {
  const ValueState& from = state(input);
  Lying lying = from.lying;
  Shape shape = from.operand.shape;
  if (lying.empty()) {
    if (!from.operand.layout.is_plain() || shape.size() < 4 || axis + 2 >= shape.size())
      return false;
    lying = lying_in(shape, shape);
  }
  std::vector<Stride> steps(lying[axis].begin(), lying[axis].end());
  std::int64_t times = 0;
  if (__builtin_mul_overflow(whole, each, &times) ||
      __builtin_mul_overflow(shape[axis], times, &shape[axis]) || !element_count(shape))
    return false;
  if (whole != 1) steps.insert(steps.begin(), {whole, 0});
  if (each != 1) steps.push_back({each, 0});
  std::erase_if(steps, [&](const Stride& step) { return step.size == 1 && steps.size() > 1; });
  bind(value, {from.operand.dtype, std::move(shape), {}, nullptr}, buffer_of(input),
       lying.with(axis, steps), from.start);
  return true;
}

bool Planner::view_part(ValueId value, ValueId input, std::size_t axis, std::int64_t first,
                        const Shape& shape) {
  const ValueState& from = state(input);
  if (from.lying.empty() || from.lying[axis].size() != 1) return false;
  const Stride part{shape[axis], from.lying[axis][0].step};
  bind(value, {from.operand.dtype, shape, {}, nullptr}, from.buffer,
       from.lying.with(axis, std::span(&part, 1)), from.start + first * part.step);
  return true;
}

bool Planner::view_joined(ValueId value, std::span<const ValueId> inputs, std::size_t axis,
                          const Shape& shape) {
  const ValueState& first = state(inputs[0]);
  if (first.lying.empty() || inputs.size() < 2 || !element_count(shape)) return false;
  const std::int64_t step = state(inputs[1]).start - first.start;
  for (std::size_t i = 1; i < inputs.size(); ++i) {
    const ValueState& next = state(inputs[i]);
    if (next.buffer != first.buffer || next.lying != first.lying ||
        next.start != first.start + static_cast<std::int64_t>(i) * step)
      return false;
  }
  std::vector<Stride> steps(first.lying[axis].begin(), first.lying[axis].end());
  if (steps.size() == 1 && steps[0].size == 1) steps.clear();
  steps.insert(steps.begin(), {static_cast<std::int64_t>(inputs.size()), step});
  bind(value, {first.operand.dtype, shape, {}, nullptr}, first.buffer,
       first.lying.with(axis, steps), first.start);
  return true;
}

}  // namespace torchkeep::runtime::plan
