// QuantizeLinear-10 to QuantizeLinear-19: https://onnx.ai/onnx/operators/onnx__QuantizeLinear.html
// DequantizeLinear-10 to DequantizeLinear-19:
// https://onnx.ai/onnx/operators/onnx__DequantizeLinear.html
// Scale and zero point are one number or one for each index of an axis; blocks are not supported.
#include <cmath>

#include "torchkeep/runtime/kernels/axis.h"
#include "torchkeep/runtime/kernels/cast_value.h"
#include "torchkeep/runtime/kernels/epilogue.h"
#include "torchkeep/runtime/kernels/operators.h"
#include "torchkeep/runtime/kernels/types.h"

namespace torchkeep::runtime::kernels {
namespace {

using QuantizedTypes = Types<std::int8_t, std::uint8_t, std::int16_t, std::uint16_t>;
using WholeTypes = Types<std::int8_t, std::uint8_t, std::int16_t, std::uint16_t, std::int32_t>;

struct Rows {
  std::size_t outer, size, inner;  ///< Before the axis, along it, after it; size 1 for one scale.
};

/// Errors: Malformed if scale and zero point do not fit the input.
Result<Rows> rows_of(const plan::Builder& builder, std::int64_t axis_number, DataType zero) {
  const Shape& shape = builder.input(0).shape;
  const plan::Operand& scale = builder.input(1);
  TRY(expect_float(builder, 1));
  if (builder.has_input(2) &&
      (builder.input(2).dtype != zero || builder.input(2).shape != scale.shape))
    return malformed("a zero point of ", name_of(builder.input(2).dtype), " ",
                     describe(builder.input(2).shape), " does not fit");
  if (TRY(element_count(scale.shape)) == 1) return Rows{1, 1, extent(shape, 0, shape.size())};
  const std::size_t axis = TRY(resolve_axis(axis_number, shape.size()));
  if (scale.shape != Shape{shape[axis]})
    return malformed("a scale of shape ", describe(scale.shape), " does not fit ", describe(shape));
  return Rows{extent(shape, 0, axis), extent(shape, axis, axis + 1),
              extent(shape, axis + 1, shape.size())};
}

/// Memory order: input, scale, zero point if any, output.
template <typename From, typename To, typename Zero, typename F>
plan::Action rows_action(const Rows& rows, bool has_zero, F f) {
  return [rows, has_zero, f](std::span<std::byte* const> memory, Pool& pool) -> Result<void> {
    const From* from = source<From>(memory, 0);
    To* to = target<To>(memory, has_zero ? 3 : 2);
    pool.parallel_for(
        rows.outer * rows.size, rows_a_thread(rows.inner), [&](std::size_t begin, std::size_t end) {
          for (std::size_t row = begin; row < end; ++row) {
            const float scale = source<float>(memory, 1)[row % rows.size];
            const Zero zero = has_zero ? source<Zero>(memory, 2)[row % rows.size] : Zero{0};
            for (std::size_t i = row * rows.inner; i < (row + 1) * rows.inner; ++i)
              to[i] = f(from[i], scale, zero);
          }
        });
    return {};
  };
}

Result<void> add_step(plan::Builder& builder, plan::Action action, DataType result) {
  const Shape shape = builder.input(0).shape;
  std::vector<plan::BufferId> buffers;
  for (std::size_t i = 0; i < 3; ++i) {
    if (builder.has_input(i)) buffers.push_back(TRY(builder.read(i)));
  }
  buffers.push_back(TRY(builder.write(0, result, shape)));
  builder.step(std::move(buffers), std::move(action));
  return {};
}

class QuantizeLinear final : public Kernel {
 public:
  QuantizeLinear(std::int64_t axis, DataType otherwise) : axis_(axis), otherwise_(otherwise) {}

  Result<void> plan(plan::Builder& builder) override {
    TRY(expect_float(builder, 0));
    const DataType to = builder.has_input(2) ? builder.input(2).dtype : otherwise_;
    const Rows rows = TRY(rows_of(builder, axis_, to));
    const bool has_zero = builder.has_input(2);
    plan::Action action = TRY(action_for(QuantizedTypes(), to, [&]<typename T>() {
      return rows_action<float, T, T>(rows, has_zero, [](float x, float scale, T zero) {
        return convert<T>(std::nearbyint(x / scale) + static_cast<float>(zero));
      });
    }));
    return add_step(builder, std::move(action), to);
  }

 private:
  std::int64_t axis_;
  DataType otherwise_;
};

class DequantizeLinear final : public Kernel {
 public:
  explicit DequantizeLinear(std::int64_t axis) : axis_(axis) {}

  Result<void> plan(plan::Builder& builder) override {
    const DataType from = builder.input(0).dtype;
    const Rows rows = TRY(rows_of(builder, axis_, from));
    const bool has_zero = builder.has_input(2);
    plan::Action action = TRY(action_for(WholeTypes(), from, [&]<typename T>() {
      return rows_action<T, float, T>(rows, has_zero, [](T x, float scale, T zero) {
        return static_cast<float>(std::int64_t{x} - std::int64_t{zero}) * scale;
      });
    }));
    return add_step(builder, std::move(action), DataType::Float32);
  }

 private:
  std::int64_t axis_;
};

Result<void> refuse_blocks(NodeReader& node) {
  if (TRY(node.int_or("block_size", 0)) != 0) return malformed("block_size is not supported");
  return {};
}

}  // namespace

Result<KernelPointer> make_quantize_linear(NodeReader& node) {
  TRY(refuse_blocks(node));
  node.ignore("saturate");  // of 8 bit floats
  const std::int64_t type = TRY(node.int_or("output_dtype", 0));
  const DataType otherwise = type == 0 ? DataType::UInt8 : TRY(data_type_of(type));
  return std::make_unique<QuantizeLinear>(TRY(node.int_or("axis", 1)), otherwise);
}
Result<KernelPointer> make_dequantize_linear(NodeReader& node) {
  TRY(refuse_blocks(node));
  return std::make_unique<DequantizeLinear>(TRY(node.int_or("axis", 1)));
}

}  // namespace torchkeep::runtime::kernels
