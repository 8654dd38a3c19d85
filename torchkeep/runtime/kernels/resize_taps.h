#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "torchkeep/base/result.h"
#include "torchkeep/base/text.h"

/// Along one dimension: which elements of the input, weighted how, make each element of the result.
/// Source: ONNX operator Resize-19.
namespace torchkeep::runtime::kernels {

enum class Interpolation { Nearest, Linear, Cubic };
enum class Coordinates {
  HalfPixel,
  HalfPixelSymmetric,
  PytorchHalfPixel,
  AlignCorners,
  Asymmetric,
  TfHalfPixelForNearest,  ///< Named by version 11 alone; later cases have it too.
  CropAndResize
};
enum class Rounding { PreferFloor, PreferCeil, Floor, Ceil };

// Errors: Malformed for a name that the standard does not have.
Result<Interpolation> interpolation_of(std::string_view name);
Result<Coordinates> coordinates_of(std::string_view name);
Result<Rounding> rounding_of(std::string_view name);

struct ResizeRule {
  Interpolation interpolation = Interpolation::Nearest;
  Coordinates coordinates = Coordinates::HalfPixel;
  Rounding rounding = Rounding::PreferFloor;
  float cubic = -0.75F;          ///< The cubic's coefficient a.
  bool exclude_outside = false;  ///< What lies outside has no weight, instead of the edge's value.
  bool antialias = false;        ///< What shrinks is a mean of all that becomes an element.
};

struct ResizedDimension {
  std::int64_t input = 0, output = 0;
  double scale = 1;
  double length = 0;          ///< Of the result before it was rounded.
  double begin = 0, end = 1;  ///< Of CropAndResize, in parts of the input.
};

/// `taps` elements of the input for each element of the result.
struct Taps {
  std::size_t taps = 1;
  std::vector<std::size_t> places;
  std::vector<float> weights;
  std::vector<bool> outside;  ///< CropAndResize: the result is the extrapolation value.
};

/// Both sizes are above 0.
Taps taps_of(const ResizeRule& rule, const ResizedDimension& dimension);

}  // namespace torchkeep::runtime::kernels
