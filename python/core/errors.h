#pragma once

#include "torchkeep/base/result.h"

#include "python/core/pybind.h"

/// A Result's way into Python: its value, or an exception of torchkeep.errors, one class a code.
namespace torchkeep::python {

/// Raises the exception for `error`. The caller holds the GIL.
[[noreturn]] void raise(const Error& error);

template <typename T>
T value_or_raise(Result<T> result) {
  if (!result) raise(result.error());
  if constexpr (!std::is_void_v<T>) return std::move(result).value();
}

}  // namespace torchkeep::python
