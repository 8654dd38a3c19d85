// Pow-7 to Pow-15: https://onnx.ai/onnx/operators/onnx__Pow.html
#include <cmath>

#include "torchkeep/runtime/kernels/cast_value.h"
#include "torchkeep/runtime/kernels/map.h"
#include "torchkeep/runtime/kernels/operators.h"
#include "torchkeep/runtime/kernels/spread.h"

namespace torchkeep::runtime::kernels {
namespace {

/// Integers wrap around; a negative exponent leaves the whole part of the fraction.
template <typename T, typename E>
T integer_power(T base, E exponent) {
  if (exponent < E{0}) {
    if (base == 1) return 1;
    return base == -1 ? static_cast<T>(exponent % 2 == 0 ? 1 : -1) : T{0};
  }
  auto factor = static_cast<std::uint64_t>(base), result = std::uint64_t{1};
  for (auto left = static_cast<std::uint64_t>(exponent); left > 0; left >>= 1) {
    if (left & 1) result *= factor;
    factor *= factor;
  }
  return static_cast<T>(result);
}

template <typename T, typename E>
T power(T base, E exponent) {
  if constexpr (std::is_integral_v<T> && std::is_integral_v<E>) {
    return integer_power(base, exponent);
  } else if constexpr (std::is_integral_v<T>) {
    return convert<T>(std::pow(static_cast<double>(base), static_cast<double>(exponent)));
  } else {
    return std::pow(base, static_cast<T>(exponent));
  }
}

class Pow final : public Kernel {
 public:
  Result<void> plan(plan::Builder& builder) override {
    if (const std::optional<float> exponent = known_exponent(builder)) {
      if (*exponent == 2) return plan_map(builder, FloatTypes(), [](auto x) { return x * x; });
      if (*exponent == 3) return plan_map(builder, FloatTypes(), [](auto x) { return x * x * x; });
      if (*exponent == 0.5F) {
        return plan_map(builder, FloatTypes(), [](auto x) { return std::sqrt(x); });
      }
    }
    const plan::Operand& base = builder.input(0);
    const plan::Operand& exponent = builder.input(1);
    const DataType dtype = base.dtype;
    Shape output = TRY(broadcast_shapes(base.shape, exponent.shape));
    const Broadcast walk(base.shape, exponent.shape, output);
    plan::Action action;
    switch (dtype) {
      case DataType::Float32: action = TRY(action_of<float>(exponent.dtype, walk)); break;
      case DataType::Float64: action = TRY(action_of<double>(exponent.dtype, walk)); break;
      case DataType::Int64: action = TRY(action_of<std::int64_t>(exponent.dtype, walk)); break;
      case DataType::Int32: action = TRY(action_of<std::int32_t>(exponent.dtype, walk)); break;
      default: return malformed("a base of ", name_of(dtype), " is not supported");
    }
    const plan::BufferId first = TRY(builder.read(0)), second = TRY(builder.read(1));
    const plan::BufferId to = TRY(builder.write(0, dtype, std::move(output)));
    builder.step({first, second, to}, std::move(action));
    return {};
  }

 private:
  /// The exponent of all elements of a float base, if it is one known number.
  static std::optional<float> known_exponent(const plan::Builder& builder) {
    const plan::Operand& exponent = builder.input(1);
    const DataType base = builder.input(0).dtype;
    if ((base != DataType::Float32 && base != DataType::Float64) || !exponent.constant ||
        exponent.dtype != DataType::Float32 || exponent.constant->bytes().size() != sizeof(float) ||
        exponent.shape.size() > builder.input(0).shape.size())
      return std::nullopt;
    return exponent.constant->elements<float>()[0];
  }

  template <typename T>
  static Result<plan::Action> action_of(DataType exponent, const Broadcast& walk) {
    return action_for(NumberTypes(), exponent, [&]<typename E>() -> plan::Action {
      return [walk](std::span<std::byte* const> memory, Pool& pool) -> Result<void> {
        const T* left = source<T>(memory, 0);
        const E* right = source<E>(memory, 1);
        T* to = target<T>(memory, 2);
        pool.parallel_for(
            walk.rows(), 1 + 1024 / (walk.columns() + 1), [&](std::size_t begin, std::size_t end) {
              for (std::size_t row = begin; row < end; ++row) {
                const auto [first, second] = walk.start_of(row);
                for (std::size_t i = 0; i < walk.columns(); ++i) {
                  to[row * walk.columns() + i] = power(left[first + i * walk.left_step()],
                                                       right[second + i * walk.right_step()]);
                }
              }
            });
        return {};
      };
    });
  }
};

}  // namespace

Result<KernelPointer> make_pow(NodeReader&) { return std::make_unique<Pow>(); }

}  // namespace torchkeep::runtime::kernels
