#include "torchkeep/runtime/kernels/resize_taps.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace torchkeep::runtime::kernels {
namespace {

template <typename T, std::size_t N>
Result<T> find_name(std::string_view what, std::string_view name,
                    const std::array<std::pair<std::string_view, T>, N>& names) {
  for (const auto& [known, value] : names) {
    if (known == name) return value;
  }
  return malformed(what, " is \"", name, "\", which is not supported");
}

/// Where in the input the element `x` of the result is.
double source_of(Coordinates coordinates, const ResizedDimension& d, std::int64_t x) {
  const auto place = static_cast<double>(x), input = static_cast<double>(d.input);
  const double length = d.length;
  // Divided by last, so that whole numbers stay whole.
  const double scaled = place * input / length, halved = (place + 0.5) * input / length - 0.5;
  switch (coordinates) {
    case Coordinates::HalfPixel: return halved;
    case Coordinates::PytorchHalfPixel: return d.output > 1 ? halved : 0;
    case Coordinates::AlignCorners: return length == 1 ? 0 : place * (input - 1) / (length - 1);
    case Coordinates::Asymmetric: return scaled;
    case Coordinates::TfHalfPixelForNearest: return (place + 0.5) * input / length;
    case Coordinates::HalfPixelSymmetric: {
      const double adjustment = static_cast<double>(d.output) / length;
      return input / 2 * (1 - adjustment) + halved;
    }
    case Coordinates::CropAndResize: break;
  }
  if (d.output == 1) return 0.5 * (d.begin + d.end) * (input - 1);
  return d.begin * (input - 1) +
         place * (d.end - d.begin) * (input - 1) / static_cast<double>(d.output - 1);
}

double rounded(Rounding rounding, double x) {
  switch (rounding) {
    case Rounding::PreferFloor: return std::ceil(x - 0.5);
    case Rounding::PreferCeil: return std::floor(x + 0.5);
    case Rounding::Floor: return std::floor(x);
    case Rounding::Ceil: break;
  }
  return std::ceil(x);
}

/// How much an element counts that lies `x` away from what is looked for.
double weight_of(const ResizeRule& rule, double x) {
  x = std::abs(x);
  if (rule.interpolation == Interpolation::Linear) return std::max(1 - x, 0.0);
  const double a = double{rule.cubic};
  if (x <= 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  return x < 2 ? ((a * x - 5 * a) * x + 8 * a) * x - 4 * a : 0;
}

/// Adds the taps around `place`. `narrowing`: below 1, the neighbourhood is so much wider.
void add_taps(const ResizeRule& rule, double place, double last, double narrowing, Taps& out) {
  const double reach = rule.interpolation == Interpolation::Linear ? 1 : 2;
  const double whole = std::floor(place), ratio = place - whole;
  const double first = std::floor(-reach / narrowing) + 1;
  out.taps = static_cast<std::size_t>(2 - 2 * first);
  double sum = 0;
  std::vector<double> weights;
  for (std::size_t i = 0; i < out.taps; ++i) {
    const double offset = first + static_cast<double>(i), at = whole + offset;
    const bool counts = !rule.exclude_outside || (at >= 0 && at <= last);
    weights.push_back(counts ? weight_of(rule, (offset - ratio) * narrowing) : 0);
    sum += weights.back();
    out.places.push_back(static_cast<std::size_t>(std::clamp(at, 0.0, last)));
  }
  const bool scales = (rule.exclude_outside || narrowing < 1) && sum != 0;
  for (const double weight : weights)
    out.weights.push_back(static_cast<float>(scales ? weight / sum : weight));
}

}  // namespace

Result<Interpolation> interpolation_of(std::string_view name) {
  return find_name("mode", name,
                   std::array<std::pair<std::string_view, Interpolation>, 3>{
                       {{"nearest", Interpolation::Nearest},
                        {"linear", Interpolation::Linear},
                        {"cubic", Interpolation::Cubic}}});
}
Result<Coordinates> coordinates_of(std::string_view name) {
  return find_name("coordinate_transformation_mode", name,
                   std::array<std::pair<std::string_view, Coordinates>, 7>{
                       {{"half_pixel", Coordinates::HalfPixel},
                        {"half_pixel_symmetric", Coordinates::HalfPixelSymmetric},
                        {"pytorch_half_pixel", Coordinates::PytorchHalfPixel},
                        {"align_corners", Coordinates::AlignCorners},
                        {"asymmetric", Coordinates::Asymmetric},
                        {"tf_half_pixel_for_nn", Coordinates::TfHalfPixelForNearest},
                        {"tf_crop_and_resize", Coordinates::CropAndResize}}});
}
Result<Rounding> rounding_of(std::string_view name) {
  return find_name("nearest_mode", name,
                   std::array<std::pair<std::string_view, Rounding>, 4>{
                       {{"round_prefer_floor", Rounding::PreferFloor},
                        {"round_prefer_ceil", Rounding::PreferCeil},
                        {"floor", Rounding::Floor},
                        {"ceil", Rounding::Ceil}}});
}

Taps taps_of(const ResizeRule& rule, const ResizedDimension& d) {
  Taps out;
  const double last = static_cast<double>(d.input - 1);
  const double narrowing = rule.antialias ? std::min(d.scale, 1.0) : 1;
  for (std::int64_t x = 0; x < d.output; ++x) {
    const double place = source_of(rule.coordinates, d, x);
    out.outside.push_back(rule.coordinates == Coordinates::CropAndResize &&
                          (place < 0 || place > last));
    if (rule.interpolation == Interpolation::Nearest) {
      const double nearest = std::clamp(rounded(rule.rounding, place), 0.0, last);
      out.places.push_back(static_cast<std::size_t>(nearest));
      out.weights.push_back(1);
      continue;
    }
    add_taps(rule, place, last, narrowing, out);
  }
  return out;
}

}  // namespace torchkeep::runtime::kernels
