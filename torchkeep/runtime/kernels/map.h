#pragma once

#include "torchkeep/runtime/kernels/axis.h"
#include "torchkeep/runtime/kernels/registry.h"
#include "torchkeep/runtime/kernels/types.h"

/// Functions of one element that oneDNN does not have, or has for float32 alone.
namespace torchkeep::runtime::kernels {

/// to[i] = f(from[i]). Memory order: input, output, which may be the same.
template <typename In, typename Out, typename F>
plan::Action map_action(std::size_t count, F f) {
  return [count, f](std::span<std::byte* const> memory, Pool& pool) -> Result<void> {
    const In* from = source<In>(memory, 0);
    Out* to = target<Out>(memory, 1);
    pool.parallel_for(count, 8192, [&](std::size_t begin, std::size_t end) {
      for (std::size_t i = begin; i < end; ++i) to[i] = f(from[i]);
    });
    return {};
  };
}

/// Adds the step of `action` for input 0 and output 0, in whichever layout the input has, as long
/// as nothing lies between its elements.
inline Result<void> plan_map_step(plan::Builder& builder, plan::Action action, DataType result) {
  const Shape shape = builder.input(0).shape;
  dnn::Layout layout = builder.input(0).layout;
  if (layout.is_padded() || element_bytes(result) != sizeof(float)) layout = {};
  const bool in_place = layout == builder.input(0).layout && builder.input(0).dtype == result &&
                        builder.may_overwrite(0);
  const plan::BufferId input = TRY(builder.read(0, layout));
  const plan::BufferId output = in_place ? builder.write_over(0, 0, result, shape)
                                         : TRY(builder.write(0, result, shape, layout));
  builder.step({input, output}, std::move(action));
  return {};
}

/// Adds f of input 0 for the types of the list. `f` takes and gives any of them.
template <typename List, typename F>
Result<void> plan_map(plan::Builder& builder, List list, const F& f) {
  const plan::Operand& input = builder.input(0);
  const std::size_t count = extent(input.shape, 0, input.shape.size());
  plan::Action action =
      TRY(action_for(list, input.dtype, [&]<typename T>() { return map_action<T, T>(count, f); }));
  return plan_map_step(builder, std::move(action), input.dtype);
}

/// A kernel that does so.
template <typename List, typename F>
class Map final : public Kernel {
 public:
  explicit Map(F f) : f_(f) {}
  Result<void> plan(plan::Builder& builder) override { return plan_map(builder, List(), f_); }

 private:
  F f_;
};

template <typename List, typename F>
KernelPointer make_map(F f) {
  return std::make_unique<Map<List, F>>(f);
}

}  // namespace torchkeep::runtime::kernels
