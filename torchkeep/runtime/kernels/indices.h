#pragma once

#include "torchkeep/runtime/kernels/types.h"

/// Indices that are handed in: int64 or int32, counting from the end if negative.
namespace torchkeep::runtime::kernels {

using IndexTypes = Types<std::int64_t, std::int32_t>;

/// The place that `index` names among `size`, if it names one.
inline std::optional<std::size_t> place_of_index(std::int64_t index, std::size_t size) {
  const auto count = static_cast<std::int64_t>(size);
  if (index < -count || index >= count) return std::nullopt;
  return static_cast<std::size_t>(index < 0 ? index + count : index);
}

inline Error wrong_index(std::int64_t index, std::size_t size) {
  return malformed("index ", index, " is not among ", size);
}

/// What an element that is there becomes when another is written over it.
enum class Update { Replace, Add, Multiply, Largest, Smallest };

/// Errors: Malformed for a name that the standard does not have.
inline Result<Update> update_of(std::string_view name) {
  if (name == "none") return Update::Replace;
  if (name == "add") return Update::Add;
  if (name == "mul") return Update::Multiply;
  if (name == "max") return Update::Largest;
  if (name == "min") return Update::Smallest;
  return malformed("reduction is \"", name, "\", wanted is none, add, mul, max or min");
}

/// Integers wrap around.
template <typename T>
T updated(Update update, T before, T value) {
  switch (update) {
    case Update::Replace: return value;
    case Update::Add:
    case Update::Multiply:
      if constexpr (std::is_integral_v<T>) {
        const auto one = static_cast<std::uint64_t>(before),
                   other = static_cast<std::uint64_t>(value);
        return static_cast<T>(update == Update::Add ? one + other : one * other);
      } else {
        return update == Update::Add ? before + value : before * value;
      }
    case Update::Largest: return value > before || value != value ? value : before;
    case Update::Smallest: break;
  }
  return value < before || value != value ? value : before;
}

/// The actions that write with `update`: arithmetic knows the type, replacing only its size.
/// `make.operator()<T>()`. Errors: Malformed for arithmetic on a type that has none.
template <typename Make>
Result<plan::Action> action_for_update(Update update, DataType dtype, const Make& make) {
  if (update == Update::Replace) return action_by_size(dtype, make);
  using Summed = Types<float, double, std::int64_t, std::int32_t, std::uint8_t>;
  return action_for(Summed(), dtype, make);
}

}  // namespace torchkeep::runtime::kernels
