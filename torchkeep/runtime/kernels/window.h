#pragma once

#include "torchkeep/runtime/kernels/node_reader.h"

/// What convolutions and poolings have in common: a window that moves over the spatial dimensions.
/// Source: ONNX operators Conv-11, MaxPool-12, AveragePool-19.
namespace torchkeep::runtime::kernels {

struct Window {
  enum class Padding { Explicit, SameUpper, SameLower, Valid } padding = Padding::Explicit;
  std::vector<std::int64_t> kernel, strides, dilations, pads;  ///< Empty: as ONNX defaults them.
  bool ceil = false;
};

/// Errors: Malformed for a number below 1 (pads: below 0) or above 2^20.
Result<Window> read_window(NodeReader& node);

/// A window on a tensor of known spatial size, a number for each spatial dimension.
struct PlacedWindow {
  Shape kernel, strides, dilations, pads_begin, pads_end, output;
};

/// `kernel` overrides the window's own if that is empty.
/// Errors: Malformed if counts do not fit or the window is larger than the padded input.
Result<PlacedWindow> place_window(const Window& window, const Shape& kernel,
                                  std::span<const std::int64_t> spatial);

}  // namespace torchkeep::runtime::kernels
