#pragma once

#include "torchkeep/runtime/half.h"
#include "torchkeep/runtime/plan/builder.h"

/// From a data type that is known while planning to code that is compiled for its C++ type.
namespace torchkeep::runtime::kernels {

/// A truth value in memory: any byte but 0 is true, 1 is written.
enum class Truth : std::uint8_t {};
inline bool is_true(Truth value) { return static_cast<std::uint8_t>(value) != 0; }

template <typename... Ts>
struct Types {};
using FloatTypes = Types<float, double>;
using SignedTypes = Types<float, double, std::int64_t, std::int32_t, std::int16_t, std::int8_t>;
using NumberTypes = Types<float, double, std::int64_t, std::int32_t, std::int16_t, std::int8_t,
                          std::uint8_t, std::uint16_t, std::uint32_t, std::uint64_t>;
/// For what only moves elements: one type for each size.
using SizeTypes = Types<std::uint8_t, std::uint16_t, std::uint32_t, std::uint64_t>;

template <typename T>
constexpr DataType type_of() {
  if constexpr (std::is_same_v<T, float>)
    return DataType::Float32;
  else if constexpr (std::is_same_v<T, double>)
    return DataType::Float64;
  else if constexpr (std::is_same_v<T, std::int64_t>)
    return DataType::Int64;
  else if constexpr (std::is_same_v<T, std::int32_t>)
    return DataType::Int32;
  else if constexpr (std::is_same_v<T, std::int16_t>)
    return DataType::Int16;
  else if constexpr (std::is_same_v<T, std::int8_t>)
    return DataType::Int8;
  else if constexpr (std::is_same_v<T, std::uint8_t>)
    return DataType::UInt8;
  else if constexpr (std::is_same_v<T, std::uint16_t>)
    return DataType::UInt16;
  else if constexpr (std::is_same_v<T, std::uint32_t>)
    return DataType::UInt32;
  else if constexpr (std::is_same_v<T, std::uint64_t>)
    return DataType::UInt64;
  else if constexpr (std::is_same_v<T, Half>)
    return DataType::Float16;
  else if constexpr (std::is_same_v<T, Bfloat16>)
    return DataType::Bfloat16;
  else
    return DataType::Bool;
}

/// What `make.operator()<T>()` makes for the C++ type of `type`.
/// Errors: Malformed, naming the type, if it is not among `Ts`.
template <typename Make, typename... Ts>
Result<plan::Action> action_for(Types<Ts...>, DataType type, const Make& make) {
  plan::Action action;
  const bool known =
      ((type == type_of<Ts>() && (action = make.template operator()<Ts>(), true)) || ...);
  if (!known) return malformed(name_of(type), " is not supported");
  return action;
}

/// The same by the size of an element alone.
template <typename Make>
plan::Action action_by_size(DataType type, const Make& make) {
  switch (element_bytes(type)) {
    case 1: return make.template operator()<std::uint8_t>();
    case 2: return make.template operator()<std::uint16_t>();
    case 4: return make.template operator()<std::uint32_t>();
    default: return make.template operator()<std::uint64_t>();
  }
}

/// A step's memory as elements.
template <typename T>
const T* source(std::span<std::byte* const> memory, std::size_t index) {
  return reinterpret_cast<const T*>(memory[index]);
}
template <typename T>
T* target(std::span<std::byte* const> memory, std::size_t index) {
  return reinterpret_cast<T*>(memory[index]);
}

/// How many rows of that many elements are worth a thread of their own.
inline std::size_t rows_a_thread(std::size_t columns) {
  return 1 + 16384 / (columns == 0 ? 1 : columns);
}

}  // namespace torchkeep::runtime::kernels
