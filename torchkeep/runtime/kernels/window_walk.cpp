#include "torchkeep/runtime/kernels/window_walk.h"

#include <algorithm>

namespace torchkeep::runtime::kernels {

WindowWalk::WindowWalk(const PlacedWindow& window, std::span<const std::int64_t> spatial) {
  TORCHKEEP_CHECK(spatial.size() <= kRank);
  const std::size_t before = kRank - spatial.size();
  for (std::size_t i = 0; i < spatial.size(); ++i) {
    sizes_[before + i] = static_cast<std::size_t>(spatial[i]);
    kernel_[before + i] = static_cast<std::size_t>(window.kernel[i]);
    outputs_[before + i] = static_cast<std::size_t>(window.output[i]);
    strides_[before + i] = window.strides[i];
    dilations_[before + i] = window.dilations[i];
    pads_[before + i] = window.pads_begin[i];
  }
}

std::size_t WindowWalk::column_major(std::size_t element) const {
  const std::size_t column = element % sizes_[2], row = element / sizes_[2] % sizes_[1],
                    plane = element / sizes_[2] / sizes_[1];
  return (column * sizes_[1] + row) * sizes_[0] + plane;
}

Result<void> WindowWalk::check_sight() const {
  for (std::size_t i = 0; i < kRank; ++i) {
    const auto size = static_cast<std::int64_t>(sizes_[i]);
    const auto sees = [&](std::size_t place) {
      const std::int64_t start = start_of(i, place);
      // The first tap that is not before the input.
      const std::int64_t tap = start >= 0 ? 0 : (-start + dilations_[i] - 1) / dilations_[i];
      return tap < static_cast<std::int64_t>(kernel_[i]) && start + tap * dilations_[i] < size;
    };
    // Those in between begin within the input.
    const std::size_t last = outputs_[i] - 1;
    bool all = outputs_[i] == 0 || sees(last);
    for (std::size_t place = 0; all && place < outputs_[i] && start_of(i, place) < 0; ++place)
      all = sees(place);
    if (!all) return malformed("the window sees nothing but padding somewhere");
  }
  return {};
}

}  // namespace torchkeep::runtime::kernels
