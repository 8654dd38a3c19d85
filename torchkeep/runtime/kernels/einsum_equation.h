#pragma once

#include <map>

#include "torchkeep/base/text.h"
#include "torchkeep/runtime/tensor.h"

/// What an Einsum's equation says. Source: ONNX operator Einsum-12, which refers to NumPy's.
namespace torchkeep::runtime::kernels {

using Labels = std::string;  ///< A character for each dimension.
using Sizes = std::map<char, std::int64_t>;

struct Equation {
  static constexpr char kEllipsis = '.';
  std::vector<Labels> inputs;
  std::optional<Labels> output;
};

/// Errors: Malformed for anything but letters, commas, an arrow and one ellipsis a term.
Result<Equation> parse_equation(std::string_view text);

/// An equation for inputs of known shapes: the dimensions that an ellipsis stands for are labelled
/// with digits, and the result's labels are there even if the equation does not say them.
struct Labelled {
  std::vector<Labels> inputs;
  Labels output;
  Sizes sizes;
};

/// Dimensions that an ellipsis stands for are aligned at the last, and those of 1 are spread.
/// Errors: Malformed if shapes do not fit the equation or each other.
Result<Labelled> label_inputs(const Equation& equation, const std::vector<Shape>& shapes);

}  // namespace torchkeep::runtime::kernels
