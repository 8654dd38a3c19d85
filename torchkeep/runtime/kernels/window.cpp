#include "torchkeep/runtime/kernels/window.h"

#include <algorithm>

namespace torchkeep::runtime::kernels {
namespace {

constexpr std::int64_t kMaxNumber = std::int64_t{1} << 20;

Result<void> check_range(std::string_view name, const std::vector<std::int64_t>& numbers,
                         std::int64_t least) {
  for (const std::int64_t number : numbers) {
    if (number < least || number > kMaxNumber) {
      return malformed(name, " holds ", number, ", wanted is ", least, " to ", kMaxNumber);
    }
  }
  return {};
}

Result<Window::Padding> padding_of(std::string_view name) {
  if (name == "NOTSET") return Window::Padding::Explicit;
  if (name == "SAME_UPPER") return Window::Padding::SameUpper;
  if (name == "SAME_LOWER") return Window::Padding::SameLower;
  if (name == "VALID") return Window::Padding::Valid;
  return malformed("auto_pad is \"", name, "\", wanted is NOTSET, SAME_UPPER, SAME_LOWER or VALID");
}

Result<Shape> numbers_or_ones(std::string_view name, const std::vector<std::int64_t>& numbers,
                              std::size_t rank) {
  if (numbers.empty()) return Shape(rank, 1);
  if (numbers.size() != rank)
    return malformed(name, " has ", numbers.size(), " numbers, the input ", rank,
                     " spatial dimensions");
  return numbers;
}

}  // namespace

Result<Window> read_window(NodeReader& node) {
  Window window;
  window.kernel = TRY(node.ints("kernel_shape"));
  window.strides = TRY(node.ints("strides"));
  window.dilations = TRY(node.ints("dilations"));
  window.pads = TRY(node.ints("pads"));
  window.padding = TRY(padding_of(TRY(node.text_or("auto_pad", "NOTSET"))));
  TRY(check_range("kernel_shape", window.kernel, 1));
  TRY(check_range("strides", window.strides, 1));
  TRY(check_range("dilations", window.dilations, 1));
  TRY(check_range("pads", window.pads, 0));
  return window;
}

Result<PlacedWindow> place_window(const Window& window, const Shape& kernel,
                                  std::span<const std::int64_t> spatial) {
  const std::size_t rank = spatial.size();
  PlacedWindow placed;
  placed.kernel = window.kernel.empty() ? kernel : window.kernel;
  if (placed.kernel.size() != rank || (!kernel.empty() && placed.kernel != kernel)) {
    return malformed("kernel_shape is ", describe(placed.kernel),
                     ", which does not fit the input's ", rank,
                     " spatial dimensions or the weights");
  }
  placed.strides = TRY(numbers_or_ones("strides", window.strides, rank));
  placed.dilations = TRY(numbers_or_ones("dilations", window.dilations, rank));
  placed.pads_begin = placed.pads_end = placed.output = Shape(rank, 0);
  if (window.padding == Window::Padding::Explicit && !window.pads.empty()) {
    if (window.pads.size() != 2 * rank)
      return malformed("pads has ", window.pads.size(), " numbers, wanted are ", 2 * rank);
    for (std::size_t i = 0; i < rank; ++i) {
      placed.pads_begin[i] = window.pads[i];
      placed.pads_end[i] = window.pads[rank + i];
    }
  }
  for (std::size_t i = 0; i < rank; ++i) {
    const std::int64_t stride = placed.strides[i], size = spatial[i];
    const std::int64_t extent = placed.dilations[i] * (placed.kernel[i] - 1) + 1;
    if (window.padding == Window::Padding::SameUpper ||
        window.padding == Window::Padding::SameLower) {
      placed.output[i] = (size + stride - 1) / stride;
      const std::int64_t pad =
          std::max<std::int64_t>(0, (placed.output[i] - 1) * stride + extent - size);
      const std::int64_t less = pad / 2, more = pad - less;
      placed.pads_begin[i] = window.padding == Window::Padding::SameUpper ? less : more;
      placed.pads_end[i] = pad - placed.pads_begin[i];
      continue;
    }
    const std::int64_t room = size + placed.pads_begin[i] + placed.pads_end[i] - extent;
    if (room < 0 || size == 0) {
      return malformed("a window of ", extent, " does not fit into ", size, " with padding ",
                       placed.pads_begin[i], " and ", placed.pads_end[i]);
    }
    placed.output[i] = room / stride + 1;
    if (window.ceil && room % stride != 0) {
      // One more, unless it would begin after the input: then all that it sees is padding.
      if (placed.output[i] * stride < size + placed.pads_begin[i]) ++placed.output[i];
      const std::int64_t covered = (placed.output[i] - 1) * stride + extent;
      placed.pads_end[i] = std::max(placed.pads_end[i], covered - size - placed.pads_begin[i]);
    }
  }
  return placed;
}

}  // namespace torchkeep::runtime::kernels
