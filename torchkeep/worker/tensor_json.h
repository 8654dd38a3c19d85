#pragma once

#include <string_view>

#include "torchkeep/runtime/tensor.h"

/// A tensor's elements as JSON numbers, to and from its own memory and nowhere else.
namespace torchkeep::worker {

/// Reads `array`, row-major, flat or nested as `shape` is, into a tensor.
/// Numbers as JSON spells them (so no NaN), true and false for BOOL; whole numbers for integers.
/// Errors: Malformed, naming the element by its index, never by its value.
Result<runtime::Tensor> parse_json_tensor(std::string_view array, runtime::DataType type,
                                          runtime::Shape shape);

/// Appends a flat array. Errors: InvalidArgument if an element is NaN or infinite, which JSON has
/// no spelling for: the caller has to ask for binary data.
Result<void> append_json_tensor(SecretBuffer& out, const runtime::Tensor& tensor);

}  // namespace torchkeep::worker
