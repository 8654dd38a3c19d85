// Cast-6 to Cast-21, between the types that the engine holds:
// https://onnx.ai/onnx/operators/onnx__Cast.html
#include <cmath>
#include <cstring>
#include <limits>

#include "torchkeep/runtime/kernels/operators.h"

namespace torchkeep::runtime::kernels {
namespace {

/// A truth value in memory: any byte but 0.
enum class Truth : std::uint8_t {};

template <typename To, typename From>
To convert(From value) {
  if constexpr (std::is_same_v<From, Truth>) {
    return convert<To>(static_cast<std::uint8_t>(value) != 0 ? std::uint8_t{1} : std::uint8_t{0});
  } else if constexpr (std::is_same_v<To, Truth>) {
    return static_cast<Truth>(value != From{0});
  } else if constexpr (std::is_floating_point_v<From> && std::is_integral_v<To>) {
    // What does not fit is undefined in the standard, and in C++ too: here it ends at the nearest.
    if (std::isnan(value)) return 0;
    if (value <= static_cast<From>(std::numeric_limits<To>::min()))
      return std::numeric_limits<To>::min();
    if (value >= static_cast<From>(std::numeric_limits<To>::max()))
      return std::numeric_limits<To>::max();
    return static_cast<To>(value);
  } else {
    return static_cast<To>(value);
  }
}

template <typename From, typename To>
plan::Action action_between(std::size_t count) {
  return [count](std::span<std::byte* const> memory, Pool&) -> Result<void> {
    const auto* from = reinterpret_cast<const From*>(memory[0]);
    auto* to = reinterpret_cast<To*>(memory[1]);
    for (std::size_t i = 0; i < count; ++i) to[i] = convert<To>(from[i]);
    return {};
  };
}

template <typename From>
plan::Action action_from(DataType to, std::size_t count) {
  switch (to) {
    case DataType::Float32: return action_between<From, float>(count);
    case DataType::Float64: return action_between<From, double>(count);
    case DataType::UInt8: return action_between<From, std::uint8_t>(count);
    case DataType::Int8: return action_between<From, std::int8_t>(count);
    case DataType::Int32: return action_between<From, std::int32_t>(count);
    case DataType::Int64: return action_between<From, std::int64_t>(count);
    case DataType::Bool: break;
  }
  return action_between<From, Truth>(count);
}

plan::Action action_of(DataType from, DataType to, std::size_t count) {
  switch (from) {
    case DataType::Float32: return action_from<float>(to, count);
    case DataType::Float64: return action_from<double>(to, count);
    case DataType::UInt8: return action_from<std::uint8_t>(to, count);
    case DataType::Int8: return action_from<std::int8_t>(to, count);
    case DataType::Int32: return action_from<std::int32_t>(to, count);
    case DataType::Int64: return action_from<std::int64_t>(to, count);
    case DataType::Bool: break;
  }
  return action_from<Truth>(to, count);
}

class Cast final : public Kernel {
 public:
  explicit Cast(DataType to) : to_(to) {}

  Result<void> plan(plan::Builder& builder) override {
    const plan::Operand& input = builder.input(0);
    if (input.dtype == to_) return builder.view(0, 0, input.shape);
    plan::Action action = action_of(input.dtype, to_, TRY(element_count(input.shape)));
    const Shape shape = input.shape;
    const plan::BufferId from = TRY(builder.read(0));
    builder.step({from, TRY(builder.write(0, to_, shape))}, std::move(action));
    return {};
  }

 private:
  DataType to_;
};

}  // namespace

Result<KernelPointer> make_cast(NodeReader& node) {
  node.ignore("saturate");  // of 8 bit floats
  return std::make_unique<Cast>(TRY(data_type_of(TRY(node.int_or("to", 0)))));
}

}  // namespace torchkeep::runtime::kernels
