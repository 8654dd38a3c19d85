#pragma once

#include "torchkeep/runtime/kernels/types.h"
#include "torchkeep/runtime/kernels/window_walk.h"

/// The steps around a convolution of bytes by oneDNN: packed_conv_integer.cpp says what for.
namespace torchkeep::runtime::kernels {

/// An image of bytes, channels last, and the padding around it.
struct ByteImage {
  std::size_t batch = 1, channels = 1;
  Shape spatial, begin, padded;  ///< Sizes, padding in front, sizes with all padding.
};

/// As UINT8: each byte is changed in the bits `flip`. Padding is the zero point, or 0.
/// Memory order: image, its zero point or nothing, padded image.
plan::Action padding_action(const ByteImage& image, std::uint8_t flip, bool has_zero);

/// Sums of what a window sees in each group. Memory order: padded image, sums of its places, sums.
plan::Action window_sums_action(const WindowWalk& walk, std::size_t batch, std::size_t groups,
                                std::size_t width);

/// What becomes of oneDNN's sums.
struct ConvEnding {
  std::size_t batch, channels, places, groups, products;
  std::uint8_t flip;
  bool has_zero, around_zero;
};

/// Memory order: oneDNN's sums, channels last; sums of weights; zero points of weights; window
/// sums or nothing; the image's zero point or nothing; output, row-major.
plan::Action ending_action(const ConvEnding& wanted);

}  // namespace torchkeep::runtime::kernels
