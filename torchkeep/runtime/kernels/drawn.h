#pragma once

#include "torchkeep/runtime/kernels/axis.h"
#include "torchkeep/runtime/kernels/cast_value.h"
#include "torchkeep/runtime/kernels/random.h"
#include "torchkeep/runtime/kernels/registry.h"

/// RandomNormal, RandomUniform and their Like forms: as many random numbers as a shape says.
namespace torchkeep::runtime::kernels {

using DrawnTypes = Types<float, double, Half, Bfloat16>;

/// Draws `draw.operator()<T>(numbers, place)`, a double, for each element of an output of T.
template <typename Draw>
class Drawn final : public Kernel {
 public:
  /// `shape` and `dtype`: those of input 0 if there are none.
  Drawn(RandomSource source, std::optional<Shape> shape, std::optional<DataType> dtype, Draw draw)
      : source_(source), shape_(std::move(shape)), dtype_(dtype), draw_(draw) {}

  bool takes_halves() const override { return true; }
  bool is_constant() const override { return false; }

  Result<void> plan(plan::Builder& builder) override {
    const Shape shape = shape_ ? *shape_ : builder.input(0).shape;
    const DataType dtype = dtype_ ? *dtype_ : builder.input(0).dtype;
    const std::size_t count = extent(shape, 0, shape.size());
    plan::Action action = TRY(action_for(DrawnTypes(), dtype, [&]<typename T>() -> plan::Action {
      using Exact = std::conditional_t<std::is_same_v<T, double>, double, float>;
      return [count, source = source_, draw = draw_](std::span<std::byte* const> memory,
                                                     Pool& pool) -> Result<void> {
        const RandomNumbers numbers = TRY(source.start());
        pool.parallel_for(count, 4096, [&](std::size_t begin, std::size_t end) {
          for (std::size_t i = begin; i < end; ++i)
            target<T>(memory, 0)[i] = convert<T>(draw.template operator()<Exact>(numbers, i));
        });
        return {};
      };
    }));
    builder.step({TRY(builder.write(0, dtype, shape))}, std::move(action));
    return {};
  }

 private:
  RandomSource source_;
  std::optional<Shape> shape_;
  std::optional<DataType> dtype_;
  Draw draw_;
};

/// The kernel of a node whose output is as large as `shape`, or as input 0, says.
template <typename Draw>
Result<KernelPointer> make_drawn(NodeReader& node, bool like, Draw draw) {
  const RandomSource source = TRY(RandomSource::read(node));
  std::optional<DataType> dtype = TRY(read_dtype(node));
  if (like) return std::make_unique<Drawn<Draw>>(source, std::nullopt, dtype, draw);
  Shape shape = TRY(read_shape(node));
  return std::make_unique<Drawn<Draw>>(source, std::move(shape), dtype.value_or(DataType::Float32),
                                       draw);
}

}  // namespace torchkeep::runtime::kernels
