#include "torchkeep/runtime/plan/builder.h"

#include "torchkeep/runtime/kernels/kernel.h"
#include "torchkeep/runtime/plan/planner.h"

namespace torchkeep::runtime::plan {

using graph::kLeftOut;

Item::Item(const graph::Node* of, kernels::Kernel* by, const graph::Body* end)
    : node(of), kernel(by), body(end) {
  if (kernel == nullptr) return;
  for (std::size_t i = 0; i < node->inputs.size(); ++i) needs_known |= kernel->needs_known(i);
  runs_alone = kernel->runs_alone();
  is_constant = kernel->is_constant();
}

dnn::Machine& Builder::machine() { return planner_.request().machine; }

int Builder::threads() const { return planner_.request().pool.threads(); }

bool Builder::has_input(std::size_t index) const {
  return index < node_.inputs.size() && node_.inputs[index] != kLeftOut;
}
const Operand& Builder::input(std::size_t index) const {
  TORCHKEEP_CHECK(has_input(index));
  return planner_.operand(node_.inputs[index]);
}
const Operand& Builder::residual() const { return planner_.operand(node_.residual); }

Result<BufferId> Builder::read(std::size_t index, const dnn::Layout& layout) {
  TORCHKEEP_CHECK(has_input(index));
  return planner_.read(node_.inputs[index], layout);
}
const Lying& Builder::lying(std::size_t index) const {
  TORCHKEEP_CHECK(has_input(index));
  return planner_.lying_of(node_.inputs[index]);
}
std::int64_t Builder::start(std::size_t index) const {
  TORCHKEEP_CHECK(has_input(index));
  return planner_.start_of(node_.inputs[index]);
}
BufferId Builder::read_as_it_lies(std::size_t index) const {
  TORCHKEEP_CHECK(has_input(index) && input(index).layout.is_plain());
  return planner_.buffer_of(node_.inputs[index]);
}
Result<BufferId> Builder::read_residual(const dnn::Layout& layout) {
  return planner_.read(node_.residual, layout);
}
bool Builder::may_overwrite(std::size_t index) const {
  return planner_.may_overwrite(node_.inputs[index]);
}
bool Builder::may_overwrite_residual() const { return planner_.may_overwrite(node_.residual); }

bool Builder::has_output(std::size_t index) const {
  return index < node_.outputs.size() && node_.outputs[index] != kLeftOut;
}
Result<BufferId> Builder::write(std::size_t index, DataType dtype, Shape shape,
                                const dnn::Layout& layout) {
  return planner_.write(index < node_.outputs.size() ? node_.outputs[index] : kLeftOut,
                        {dtype, std::move(shape), layout, nullptr});
}
BufferId Builder::write_over(std::size_t index, std::size_t input, DataType dtype, Shape shape) {
  const dnn::Layout layout = planner_.operand(node_.inputs[input]).layout;
  return planner_.write_over(node_.outputs[index], node_.inputs[input],
                             {dtype, std::move(shape), layout, nullptr});
}
BufferId Builder::write_over_residual(std::size_t index, Shape shape) {
  const Operand& residual = planner_.operand(node_.residual);
  return planner_.write_over(node_.outputs[index], node_.residual,
                             {residual.dtype, std::move(shape), residual.layout, nullptr});
}
Result<void> Builder::view(std::size_t index, std::size_t input, Shape shape) {
  return planner_.view(node_.outputs[index], node_.inputs[input], std::move(shape));
}
bool Builder::view_spread(std::size_t index, std::size_t input, const Shape& shape) {
  return planner_.view_spread(node_.outputs[index], node_.inputs[input], shape);
}
bool Builder::view_repeated(std::size_t index, std::size_t input, std::size_t axis,
                            std::int64_t whole, std::int64_t each) {
  return planner_.view_repeated(node_.outputs[index], node_.inputs[input], axis, whole, each);
}
bool Builder::view_part(std::size_t index, std::size_t axis, std::int64_t first,
                        const Shape& shape) {
  return planner_.view_part(node_.outputs[index], node_.inputs[0], axis, first, shape);
}
bool Builder::view_joined(std::size_t axis, const Shape& shape) {
  return planner_.view_joined(node_.outputs[0], node_.inputs, axis, shape);
}
std::optional<Shape> Builder::room(std::size_t index, std::size_t past) const {
  if (!has_output(index) || !has_input(past)) return std::nullopt;
  return planner_.room(node_.outputs[index], node_.inputs[past]);
}
BufferId Builder::grow(std::size_t index, std::size_t past, Shape shape) {
  TORCHKEEP_CHECK(room(index, past));
  return planner_.grow(node_.outputs[index], std::move(shape));
}
void Builder::know(std::size_t index, std::shared_ptr<const graph::Constant> constant) {
  planner_.know(node_.outputs[index], std::move(constant));
}

Result<void> Builder::plan_reshaped(std::size_t input, Shape shape, kernels::Kernel& kernel) {
  return planner_.plan_reshaped(node_, input, std::move(shape), kernel);
}

Result<BufferId> Builder::scratch(std::uint64_t bytes) { return planner_.add_arena_buffer(bytes); }
BufferId Builder::keep(ByteView bytes, std::shared_ptr<const void> owner) {
  // Steps only read what is fixed.
  auto* start = const_cast<std::byte*>(reinterpret_cast<const std::byte*>(bytes.data()));
  return planner_.add_fixed_buffer(start, bytes.size(), std::move(owner));
}

void Builder::step(std::vector<BufferId> buffers, Action action, double flops) {
  planner_.add_step({std::move(buffers), std::move(action), 0, "", flops});
}

Result<void> Builder::step(std::vector<BufferId> buffers, dnn::Primitive primitive) {
  if (primitive.scratch_bytes() > 0) buffers.push_back(TRY(scratch(primitive.scratch_bytes())));
  std::string implementation = primitive.implementation();
  const double flops = primitive.flops();
  // std::function wants to be copied, a primitive does not.
  auto shared = std::make_shared<dnn::Primitive>(std::move(primitive));
  planner_.add_step(
      {std::move(buffers),
       [shared](std::span<std::byte* const> memory, Pool&) { return shared->run(memory); }, nullptr,
       std::move(implementation), flops});
  return {};
}

}  // namespace torchkeep::runtime::plan
