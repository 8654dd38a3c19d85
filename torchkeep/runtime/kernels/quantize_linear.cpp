// QuantizeLinear-10 to QuantizeLinear-23: https://onnx.ai/onnx/operators/onnx__QuantizeLinear.html
// DequantizeLinear-10 to DequantizeLinear-23:
// https://onnx.ai/onnx/operators/onnx__DequantizeLinear.html
// Scale and zero point are one number, one for each index of an axis, or one for each block along
// it.
#include <cmath>

#include "torchkeep/runtime/kernels/axis.h"
#include "torchkeep/runtime/kernels/bytes.h"
#include "torchkeep/runtime/kernels/cast_value.h"
#include "torchkeep/runtime/kernels/epilogue.h"
#include "torchkeep/runtime/kernels/operators.h"
#include "torchkeep/runtime/kernels/types.h"

namespace torchkeep::runtime::kernels {
namespace {

using QuantizedTypes = Types<std::int8_t, std::uint8_t, std::int16_t, std::uint16_t>;
using WholeTypes = Types<std::int8_t, std::uint8_t, std::int16_t, std::uint16_t, std::int32_t>;

/// Rows of one scale each, or with blocks of as many scales as elements.
struct Rows {
  std::size_t outer, size, inner;  ///< Before the axis, along it, after it; size 1 for one scale.
  std::size_t block = 0;           ///< How many indices of the axis have a scale; 0: one.

  std::size_t scale_of(std::size_t row) const {
    if (block == 0) return row % size;
    const std::size_t blocks = (size + block - 1) / block;
    return (row / size * blocks + row % size / block) * inner;
  }
};

struct Axis {
  std::int64_t number = 1, block = 0;
};

/// Errors: Malformed if scale and zero point do not fit the input.
Result<Rows> rows_of(const plan::Builder& builder, const Axis& along, DataType zero) {
  const Shape& shape = builder.input(0).shape;
  const plan::Operand& scale = builder.input(1);
  TRY(expect_float(builder, 1));
  if (builder.has_input(2) &&
      (builder.input(2).dtype != zero || builder.input(2).shape != scale.shape))
    return malformed("a zero point of ", name_of(builder.input(2).dtype), " ",
                     describe(builder.input(2).shape), " does not fit");
  if (along.block == 0 && TRY(element_count(scale.shape)) == 1)
    return Rows{1, 1, extent(shape, 0, shape.size())};
  const std::size_t axis = TRY(resolve_axis(along.number, shape.size()));
  Shape wanted{shape[axis]};
  if (along.block != 0) {
    wanted = shape;
    wanted[axis] = shape[axis] / along.block + (shape[axis] % along.block == 0 ? 0 : 1);
  }
  if (scale.shape != wanted)
    return malformed("a scale of shape ", describe(scale.shape), " does not fit ", describe(shape));
  return Rows{extent(shape, 0, axis), extent(shape, axis, axis + 1),
              extent(shape, axis + 1, shape.size()), static_cast<std::size_t>(along.block)};
}

template <typename T>
constexpr bool is_byte_v = std::is_same_v<T, std::int8_t> || std::is_same_v<T, std::uint8_t>;

/// `count` elements with one scale, compiled for the processor. False if there is no such loop.
template <typename From, typename To, typename Zero>
bool convert_row(const From* from, std::size_t count, float scale, Zero zero, To* to) {
  if constexpr (is_byte_v<To>) {
    quantise_row(from, count, scale, zero, to);
    return true;
  } else if constexpr (is_byte_v<From>) {
    dequantise_row(from, count, scale, zero, to);
    return true;
  }
  return false;
}

/// Memory order: input, scale, zero point if any, output.
template <typename From, typename To, typename Zero, typename F>
plan::Action rows_action(const Rows& rows, bool has_zero, F f) {
  return [rows, has_zero, f](std::span<std::byte* const> memory, Pool& pool) -> Result<void> {
    const From* from = source<From>(memory, 0);
    To* to = target<To>(memory, has_zero ? 3 : 2);
    if (rows.outer * rows.size == 1 && rows.block == 0) {
      const Zero zero = has_zero ? *source<Zero>(memory, 2) : Zero{0};
      pool.parallel_for(rows.inner, rows_a_thread(1), [&](std::size_t begin, std::size_t end) {
        const float scale = *source<float>(memory, 1);
        if (convert_row(from + begin, end - begin, scale, zero, to + begin)) return;
        for (std::size_t i = begin; i < end; ++i) to[i] = f(from[i], scale, zero);
      });
      return {};
    }
    pool.parallel_for(
        rows.outer * rows.size, rows_a_thread(rows.inner), [&](std::size_t begin, std::size_t end) {
          for (std::size_t row = begin; row < end; ++row) {
            const float* scales = source<float>(memory, 1) + rows.scale_of(row);
            const Zero* zeros = has_zero ? source<Zero>(memory, 2) + rows.scale_of(row) : nullptr;
            const std::size_t step = rows.block == 0 ? 0 : 1, start = row * rows.inner;
            for (std::size_t i = 0; i < rows.inner; ++i)
              to[start + i] =
                  f(from[start + i], scales[i * step], has_zero ? zeros[i * step] : Zero{0});
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
  QuantizeLinear(Axis axis, DataType otherwise) : axis_(axis), otherwise_(otherwise) {}

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
  Axis axis_;
  DataType otherwise_;
};

class DequantizeLinear final : public Kernel {
 public:
  explicit DequantizeLinear(Axis axis) : axis_(axis) {}

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
  Axis axis_;
};

Result<Axis> read_axis(NodeReader& node) {
  const Axis axis{TRY(node.int_or("axis", 1)), TRY(node.int_or("block_size", 0))};
  if (axis.block < 0) return malformed("block_size is ", axis.block, ", wanted is 0 or more");
  return axis;
}

}  // namespace

Result<KernelPointer> make_quantize_linear(NodeReader& node) {
  node.ignore("saturate");  // of 8 bit floats
  const std::int64_t precision = TRY(node.int_or("precision", 1));
  if (precision != 0 && precision != 1)
    return malformed("precision is ", precision, ", supported is 1");
  const std::int64_t type = TRY(node.int_or("output_dtype", 0));
  const DataType otherwise = type == 0 ? DataType::UInt8 : TRY(data_type_of(type));
  return std::make_unique<QuantizeLinear>(TRY(read_axis(node)), otherwise);
}
Result<KernelPointer> make_dequantize_linear(NodeReader& node) {
  return std::make_unique<DequantizeLinear>(TRY(read_axis(node)));
}

}  // namespace torchkeep::runtime::kernels
