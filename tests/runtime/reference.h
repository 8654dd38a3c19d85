#pragma once

#include <cmath>
#include <random>
#include <vector>

#include "torchkeep/runtime/tensor.h"

/// Operators as their definitions read, slow and plain, for comparison.
namespace torchkeep::runtime::testing {

struct ReferenceConvolution {
  std::int64_t batch, channels, height, width;
  std::int64_t filters, kernel_height, kernel_width, groups = 1;
  std::int64_t stride = 1, dilation = 1, top = 0, left = 0, bottom = 0, right = 0;

  std::int64_t output_height() const {
    return (height + top + bottom - dilation * (kernel_height - 1) - 1) / stride + 1;
  }
  std::int64_t output_width() const {
    return (width + left + right - dilation * (kernel_width - 1) - 1) / stride + 1;
  }
  Shape input_shape() const { return {batch, channels, height, width}; }
  Shape weights_shape() const { return {filters, channels / groups, kernel_height, kernel_width}; }
  Shape output_shape() const { return {batch, filters, output_height(), output_width()}; }
};

inline std::vector<float> reference_convolution(const ReferenceConvolution& c,
                                                std::span<const float> input,
                                                std::span<const float> weights,
                                                std::span<const float> bias) {
  const auto at = [](std::span<const float> values, std::int64_t index) {
    return values[static_cast<std::size_t>(index)];
  };
  const std::int64_t each = c.channels / c.groups, filters_each = c.filters / c.groups;
  std::vector<float> output;
  for (std::int64_t n = 0; n < c.batch; ++n)
    for (std::int64_t f = 0; f < c.filters; ++f)
      for (std::int64_t y = 0; y < c.output_height(); ++y)
        for (std::int64_t x = 0; x < c.output_width(); ++x) {
          double sum = bias.empty() ? 0.0 : double{at(bias, f)};
          for (std::int64_t i = 0; i < each; ++i)
            for (std::int64_t ky = 0; ky < c.kernel_height; ++ky)
              for (std::int64_t kx = 0; kx < c.kernel_width; ++kx) {
                const std::int64_t row = y * c.stride + ky * c.dilation - c.top,
                                   column = x * c.stride + kx * c.dilation - c.left;
                if (row < 0 || row >= c.height || column < 0 || column >= c.width) continue;
                const std::int64_t channel = f / filters_each * each + i;
                sum += double{at(input, ((n * c.channels + channel) * c.height + row) * c.width +
                                            column)} *
                       double{at(weights,
                                 ((f * each + i) * c.kernel_height + ky) * c.kernel_width + kx)};
              }
          output.push_back(static_cast<float>(sum));
        }
  return output;
}

inline std::vector<float> random_floats(std::size_t count, std::mt19937& random) {
  std::normal_distribution<float> numbers;
  std::vector<float> values(count);
  for (float& value : values) value = numbers(random);
  return values;
}

inline double largest_difference(std::span<const float> found, std::span<const float> wanted) {
  if (found.size() != wanted.size()) return INFINITY;
  double largest = 0;
  for (std::size_t i = 0; i < found.size(); ++i) {
    const double difference = std::abs(double{found[i]} - double{wanted[i]});
    if (!(difference <= largest)) largest = std::isnan(difference) ? INFINITY : difference;
  }
  return largest;
}

}  // namespace torchkeep::runtime::testing
