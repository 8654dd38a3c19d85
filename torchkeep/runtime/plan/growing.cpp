#include <algorithm>
#include <cstring>

#include "torchkeep/runtime/kernels/axis.h"
#include "torchkeep/runtime/plan/lying.h"
#include "torchkeep/runtime/plan/planner.h"

namespace torchkeep::runtime::plan {

std::optional<Shape> Planner::room(graph::ValueId present, graph::ValueId past) const {
  const auto found = std::ranges::find(request_.growing, present, &Growing::present);
  if (found == request_.growing.end() || found->past != past) return std::nullopt;
  return found->room;
}

BufferId Planner::grow(graph::ValueId present, Shape shape) {
  const auto found = std::ranges::find(request_.growing, present, &Growing::present);
  TORCHKEEP_CHECK(found != request_.growing.end());
  const BufferId memory = buffer_of(found->past);
  plan_->grown_[static_cast<std::size_t>(found - request_.growing.begin())] = shape;
  Lying lying = lying_in(shape, found->room);
  const DataType dtype = operand(found->past).dtype;
  bind(present, {dtype, std::move(shape), {}, nullptr}, memory, std::move(lying));
  return memory;
}

Result<void> Planner::append(std::size_t index) {
  const Growing& growing = request_.growing[index];
  const Operand past = operand(growing.past), added = operand(growing.node->inputs[1]);
  Shape alike = added.shape, shape = past.shape;
  if (alike.size() == shape.size()) alike[growing.axis] = shape[growing.axis];
  if (alike != shape || added.dtype != past.dtype) {
    return malformed("input 1 of shape ", describe(added.shape), " does not fit the first, ",
                     describe(past.shape));
  }
  shape[growing.axis] += added.shape[growing.axis];
  const BufferId source = TRY(read(growing.node->inputs[1], {})),
                 state = grow(growing.present, shape);
  const std::size_t width =
      kernels::extent(shape, growing.axis + 1, shape.size()) * element_bytes(past.dtype);
  const auto bytes_of_rows = [width](std::int64_t rows) {
    return static_cast<std::size_t>(rows) * width;
  };
  const std::size_t begin = bytes_of_rows(past.shape[growing.axis]),
                    length = bytes_of_rows(added.shape[growing.axis]),
                    step = bytes_of_rows(growing.room[growing.axis]),
                    planes = kernels::extent(shape, 0, growing.axis);
  add_step({{source, state},
            [=](std::span<std::byte* const> memory, Pool&) -> Result<void> {
              for (std::size_t i = 0; i < planes && length > 0; ++i)
                std::memcpy(memory[1] + i * step + begin, memory[0] + i * length, length);
              return {};
            },
            nullptr,
            ""});
  return {};
}

}  // namespace torchkeep::runtime::plan
