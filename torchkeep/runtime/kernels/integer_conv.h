#pragma once

#include "torchkeep/runtime/kernels/integer_product.h"
#include "torchkeep/runtime/kernels/window.h"

namespace torchkeep::runtime::kernels {

/// Which inputs of a node a convolution of quantised numbers is made of.
struct IntegerConv {
  Window window;
  std::int64_t groups = 1;
  std::size_t image = 0, weights = 1;
  std::optional<std::size_t> image_zero, weights_zero;  ///< None: the zero points are 0.
};

/// Sums as int64, [batch, channels, places], and the shape that they stand for.
struct ConvSums {
  plan::BufferId sums;
  Shape output;
  std::size_t batch = 1, channels = 1, places = 1;
};

/// Reads window and groups. Errors: Malformed.
Result<IntegerConv> read_integer_conv(NodeReader& node);

/// Adds the steps that convolve; padding counts as the image's zero point.
/// Errors: Malformed for types, shapes and zero points that do not fit.
Result<ConvSums> plan_integer_conv(plan::Builder& builder, const IntegerConv& wanted);

}  // namespace torchkeep::runtime::kernels
