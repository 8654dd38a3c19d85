// OneHot-9, OneHot-11: https://onnx.ai/onnx/operators/onnx__OneHot.html
#include "torchkeep/runtime/kernels/axis.h"
#include "torchkeep/runtime/kernels/indices.h"
#include "torchkeep/runtime/kernels/operators.h"

namespace torchkeep::runtime::kernels {
namespace {

/// The place that an index of whichever type names; none if it is out of range, which is no error.
template <typename Index>
std::optional<std::size_t> place_named(Index index, std::size_t depth) {
  if constexpr (std::is_floating_point_v<Index>) {
    if (!(index >= -static_cast<Index>(depth) && index < static_cast<Index>(depth)))
      return std::nullopt;
  }
  return place_of_index(static_cast<std::int64_t>(index), depth);
}

/// Memory order: indices, the two values, output.
template <typename T, typename Index>
plan::Action action_of(std::size_t outer, std::size_t depth, std::size_t inner) {
  return [=](std::span<std::byte* const> memory, Pool&) -> Result<void> {
    const T off = source<T>(memory, 1)[0], on = source<T>(memory, 1)[1];
    T* to = target<T>(memory, 2);
    std::fill_n(to, outer * depth * inner, off);
    for (std::size_t i = 0; i < outer * inner; ++i) {
      const auto place = place_named(source<Index>(memory, 0)[i], depth);
      if (place) to[(i / inner * depth + *place) * inner + i % inner] = on;
    }
    return {};
  };
}

class OneHot final : public Kernel {
 public:
  explicit OneHot(std::int64_t axis) : axis_(axis) {}

  bool needs_known(std::size_t input) const override { return input == 1; }

  Result<void> plan(plan::Builder& builder) override {
    const plan::Operand &indices = builder.input(0), &depths = builder.input(1),
                        &values = builder.input(2);
    if (!depths.constant || TRY(element_count(depths.shape)) != 1)
      return malformed("the depth is no single number");
    std::int64_t depth = 0;
    if (depths.dtype == DataType::Float32) {
      const float number = depths.constant->elements<float>()[0];
      if (!(number >= 0 && number < 1e9F))
        return malformed("the depth is ", number, ", wanted is 0 to 1e9");
      depth = static_cast<std::int64_t>(number);
    } else {
      depth = TRY(graph::to_ints(*depths.constant))[0];
    }
    if (values.shape != Shape{2})
      return malformed("values of shape ", describe(values.shape), ", wanted is [2]");
    Shape output = indices.shape;
    const std::size_t axis = TRY(resolve_axis(axis_, output.size() + 1));
    output.insert(output.begin() + static_cast<std::ptrdiff_t>(axis), depth);
    TRY(element_count(output));
    const DataType dtype = values.dtype;
    const std::size_t outer = extent(output, 0, axis), size = static_cast<std::size_t>(depth),
                      inner = extent(output, axis + 1, output.size());
    using Indices = Types<std::int64_t, std::int32_t, float>;
    plan::Action action = TRY(action_for(Indices(), indices.dtype, [&]<typename Index>() {
      return action_by_size(dtype,
                            [&]<typename T>() { return action_of<T, Index>(outer, size, inner); });
    }));
    const plan::BufferId from = TRY(builder.read(0)), which = TRY(builder.read(2));
    builder.step({from, which, TRY(builder.write(0, dtype, std::move(output)))}, std::move(action));
    return {};
  }

 private:
  std::int64_t axis_;
};

}  // namespace

Result<KernelPointer> make_one_hot(NodeReader& node) {
  return std::make_unique<OneHot>(TRY(node.int_or("axis", -1)));
}

}  // namespace torchkeep::runtime::kernels
