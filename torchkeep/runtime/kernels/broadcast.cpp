#include "torchkeep/runtime/kernels/broadcast.h"

#include <algorithm>

namespace torchkeep::runtime::kernels {
namespace {

/// The elements between neighbours along each dimension of `output`; 0 where the side is spread.
std::vector<std::size_t> strides_of(const Shape& side, const Shape& output) {
  std::vector<std::size_t> strides(output.size(), 0);
  std::size_t stride = 1;
  for (std::size_t i = side.size(); i-- > 0;) {
    const std::size_t place = i + output.size() - side.size();
    if (side[i] != 1) strides[place] = stride;
    stride *= static_cast<std::size_t>(side[i]);
  }
  return strides;
}

}  // namespace

Result<Shape> broadcast_shapes(const Shape& left, const Shape& right) {
  Shape output(std::max(left.size(), right.size()), 1);
  for (std::size_t i = 0; i < output.size(); ++i) {
    const std::int64_t first = i < left.size() ? left[left.size() - 1 - i] : 1;
    const std::int64_t second = i < right.size() ? right[right.size() - 1 - i] : 1;
    if (first != second && first != 1 && second != 1) {
      return malformed("shapes ", describe(left), " and ", describe(right), " do not fit");
    }
    output[output.size() - 1 - i] = first == 1 ? second : first;
  }
  return output;
}

Broadcast::Broadcast(const std::vector<Shape>& sides, const Shape& output)
    : steps_(sides.size(), 0), strides_(sides.size()) {
  std::vector<std::vector<std::size_t>> strides;
  for (const Shape& side : sides) strides.push_back(strides_of(side, output));
  std::size_t dimension = output.size();
  // The row is as many of the last dimensions as all sides walk in the same way.
  while (dimension > 0) {
    const auto size = static_cast<std::size_t>(output[dimension - 1]);
    if (size != 1) {
      std::vector<std::size_t> here;
      for (const auto& side : strides) here.push_back(side[dimension - 1] == 0 ? 0 : 1);
      if (columns_ == 1) {
        steps_ = here;
      } else if (here != steps_) {
        break;
      }
      columns_ *= size;
    }
    --dimension;
  }
  while (dimension > 0) {
    --dimension;
    sizes_.push_back(static_cast<std::size_t>(output[dimension]));
    for (std::size_t i = 0; i < sides.size(); ++i) strides_[i].push_back(strides[i][dimension]);
    rows_ *= sizes_.back();
  }
}

std::size_t Broadcast::start_of(std::size_t side, std::size_t row) const {
  std::size_t start = 0;
  for (std::size_t i = 0; i < sizes_.size(); ++i) {
    start += row % sizes_[i] * strides_[side][i];
    row /= sizes_[i];
  }
  return start;
}

}  // namespace torchkeep::runtime::kernels
