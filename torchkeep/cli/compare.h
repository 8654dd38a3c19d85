#pragma once

#include <optional>
#include <string>

#include "torchkeep/runtime/tensor.h"

/// Whether an answer is the one that was wanted.
namespace torchkeep::cli {

/// Floating-point numbers may differ by `absolute + relative * |wanted|`: what ONNX's own runner of
/// its conformance cases allows.
struct Tolerance {
  double relative = 1e-3;
  double absolute = 1e-7;
  double of_largest = 0;  ///< Of the tensor's largest finite |wanted|, added to `absolute`.
};

/// How two tensors differ, if they do. Types and shapes must be the same; integers and truth values
/// too. NaN is like NaN; infinities must have the same sign.
std::optional<std::string> find_difference(const runtime::Tensor& found,
                                           const runtime::Tensor& wanted,
                                           const Tolerance& tolerance = {});
/// The same of type and shape alone, for operators that make random numbers.
std::optional<std::string> find_form_difference(const runtime::Tensor& found,
                                                const runtime::Tensor& wanted);

}  // namespace torchkeep::cli
