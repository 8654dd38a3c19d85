#pragma once

#include <array>

#include "torchkeep/runtime/kernels/window.h"

/// Which elements of a plane each place of a window sees, for what oneDNN's primitives do not do.
namespace torchkeep::runtime::kernels {

/// Of 1 to 3 spatial dimensions; planes are row-major. *Immutable.*
class WindowWalk {
 public:
  WindowWalk(const PlacedWindow& window, std::span<const std::int64_t> spatial);

  std::size_t places() const { return outputs_[0] * outputs_[1] * outputs_[2]; }
  std::size_t elements() const { return sizes_[0] * sizes_[1] * sizes_[2]; }
  std::size_t taps() const { return kernel_[0] * kernel_[1] * kernel_[2]; }
  /// Where an element would stand if the first dimension were the one that runs fastest.
  std::size_t column_major(std::size_t element) const;
  /// Errors: Malformed if the window sees nothing but padding somewhere.
  Result<void> check_sight() const;

  /// Calls f(tap, element) for what the window sees at `place`, in order; padding is left out.
  template <typename F>
  void visit(std::size_t place, const F& f) const {
    std::array<std::int64_t, kRank> start{};
    for (std::size_t i = kRank; i-- > 0;) {
      start[i] = start_of(i, place % outputs_[i]);
      place /= outputs_[i];
    }
    std::size_t tap = 0;
    for (std::size_t a = 0; a < kernel_[0]; ++a) {
      const std::optional<std::size_t> plane = seen(0, start[0], a);
      for (std::size_t b = 0; b < kernel_[1]; ++b) {
        const std::optional<std::size_t> row = seen(1, start[1], b);
        for (std::size_t c = 0; c < kernel_[2]; ++c, ++tap) {
          const std::optional<std::size_t> column = seen(2, start[2], c);
          if (plane && row && column) f(tap, (*plane * sizes_[1] + *row) * sizes_[2] + *column);
        }
      }
    }
  }

 private:
  static constexpr std::size_t kRank = 3;  // missing dimensions are 1, in front

  std::int64_t start_of(std::size_t dimension, std::size_t place) const {
    return static_cast<std::int64_t>(place) * strides_[dimension] - pads_[dimension];
  }
  std::optional<std::size_t> seen(std::size_t dimension, std::int64_t start,
                                  std::size_t tap) const {
    const std::int64_t at = start + static_cast<std::int64_t>(tap) * dilations_[dimension];
    if (at < 0 || at >= static_cast<std::int64_t>(sizes_[dimension])) return std::nullopt;
    return static_cast<std::size_t>(at);
  }

  std::array<std::size_t, kRank> sizes_{1, 1, 1}, kernel_{1, 1, 1}, outputs_{1, 1, 1};
  std::array<std::int64_t, kRank> strides_{1, 1, 1}, dilations_{1, 1, 1}, pads_{0, 0, 0};
};

}  // namespace torchkeep::runtime::kernels
