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

Broadcast::Broadcast(const Shape& left, const Shape& right, const Shape& output) {
  const std::array strides{strides_of(left, output), strides_of(right, output)};
  std::size_t dimension = output.size();
  // The row is as many of the last dimensions as both sides walk in the same way.
  while (dimension > 0) {
    const auto size = static_cast<std::size_t>(output[dimension - 1]);
    const std::size_t first = strides[0][dimension - 1], second = strides[1][dimension - 1];
    if (size != 1) {
      const std::array here{first == 0 ? std::size_t{0} : std::size_t{1},
                            second == 0 ? std::size_t{0} : std::size_t{1}};
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
    strides_[0].push_back(strides[0][dimension]);
    strides_[1].push_back(strides[1][dimension]);
    rows_ *= sizes_.back();
  }
}

std::pair<std::size_t, std::size_t> Broadcast::start_of(std::size_t row) const {
  std::pair<std::size_t, std::size_t> start{0, 0};
  for (std::size_t i = 0; i < sizes_.size(); ++i) {
    const std::size_t index = row % sizes_[i];
    row /= sizes_[i];
    start.first += index * strides_[0][i];
    start.second += index * strides_[1][i];
  }
  return start;
}

}  // namespace torchkeep::runtime::kernels
