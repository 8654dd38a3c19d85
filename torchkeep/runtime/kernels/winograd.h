#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "torchkeep/runtime/kernels/tiles.h"

/// Convolutions of 3 by 3 with 16 products for four outputs instead of 36: Winograd's minimal
/// filtering F(2x2, 3x3). A patch of 2 by 2 outputs and the 4 by 4 inputs that it looks at are
/// brought, by sums alone, into a form in which the convolution is a product number by number; over
/// channels these are sixteen products of matrices, one for each point of the form.
/// Source: Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks" (2015), section 4.1.
///
/// No output depends on an input that its window does not look at. Each looks at all it does
/// through sums, so that one that is infinite can come out as no number.
namespace torchkeep::runtime::kernels {

inline constexpr std::size_t kPatch = 2;    ///< Outputs of a patch along each side.
inline constexpr std::size_t kPoints = 16;  ///< Numbers that stand for a patch of one channel.

struct Winograd {
  std::size_t inputs = 0, outputs = 0;  ///< Channels; multiples of sixteen.
  std::size_t images = 0;
  std::size_t input_height = 0, input_width = 0;
  std::size_t output_height = 0, output_width = 0;
  std::ptrdiff_t pad_top = 0, pad_left = 0;

  // Steps count floats: from a place to the next, from sixteen channels to the next.
  std::size_t input_place_step = 0, input_depth_step = 0;
  std::size_t output_place_step = 0, output_depth_step = 0;

  bool add = false;  ///< To what the output holds.
  graph::Activation activation;

  std::size_t block_patches = kTileRows;  ///< As many as are worked on at once.

  std::size_t patches_across() const { return (output_width + kPatch - 1) / kPatch; }
  std::size_t patches_an_image() const {
    return (output_height + kPatch - 1) / kPatch * patches_across();
  }
  std::size_t patches() const { return images * patches_an_image(); }
  std::size_t blocks() const { return (patches() + block_patches - 1) / block_patches; }
  std::size_t panels() const { return (outputs + kTileColumns - 1) / kTileColumns; }
  /// What threads share out: each block of patches with one panel after the other.
  std::size_t work() const { return blocks() * panels(); }
  /// Of memory that each thread needs.
  std::size_t scratch_floats() const;
};

/// Of filters [outputs, inputs, 3, 3] in the form that the loop wants: panels of 64 outputs; in
/// each, point by point, a row of 64 for each input. Outputs that are missing are zeros.
std::size_t winograd_filter_floats(std::size_t outputs, std::size_t inputs);
/// `from`: row-major.
void transform_filters(const float* from, std::size_t outputs, std::size_t inputs, float* to);

/// What one thread works with.
struct WinogradThread {
  explicit WinogradThread(const Winograd& winograd);

  Tiles product;                     ///< Of a block's patches at one point and a panel's filters.
  float* scratch = nullptr;          ///< Of `scratch_floats`.
  std::optional<std::size_t> block;  ///< Whose inputs stand in it: none before a run.
};

/// One piece of the work. `bias`: null, or of `outputs` floats.
void convolve_patches(const Winograd& winograd, const float* input, const float* filters,
                      const float* bias, float* to, std::size_t piece, WinogradThread& thread);

}  // namespace torchkeep::runtime::kernels
