#include "torchkeep/runtime/plan/lying.h"

namespace torchkeep::runtime::plan {

Lying lying_in(const Shape& shape, const Shape& room) {
  const std::vector<std::int64_t> steps = kernels::row_major_strides(room);
  Lying lying;
  lying.reserve(shape.size());
  for (std::size_t i = 0; i < shape.size(); ++i) lying.add(Stride{shape[i], steps[i]});
  return lying;
}

std::optional<Lying> reshaped(const Lying& lying, const Shape& shape) {
  std::vector<Stride> left;  // the slowest at the end
  left.reserve(lying.size() + 1);
  for (std::size_t i = lying.size(); i-- > 0;) {
    for (std::size_t k = lying[i].size(); k-- > 0;) {
      if (lying[i][k].size == 0) return std::nullopt;
      if (lying[i][k].size != 1) left.push_back(lying[i][k]);
    }
  }
  Lying out;
  out.reserve(shape.size());
  std::vector<Stride> factors;
  for (const std::int64_t size : shape) {
    factors.clear();
    std::int64_t wanted = size;
    while (wanted > 1) {
      if (left.empty()) return std::nullopt;
      Stride& next = left.back();
      if (wanted % next.size == 0) {
        wanted /= next.size;
        factors.push_back(next);
        left.pop_back();
      } else if (next.size % wanted == 0) {
        // Its slower part belongs here, the faster one to the dimension behind.
        const std::int64_t rest = next.size / wanted;
        factors.push_back({wanted, next.step * rest});
        next.size = rest;
        wanted = 1;
      } else {
        return std::nullopt;
      }
    }
    if (factors.empty()) factors.push_back({1, 0});
    out.add(factors);
  }
  if (!left.empty()) return std::nullopt;
  return out;
}

Lying spread(const Lying& lying, const Shape& from, const Shape& to) {
  Lying out;
  out.reserve(to.size());
  const std::size_t added = to.size() - from.size();
  for (std::size_t i = 0; i < to.size(); ++i) {
    const bool kept = i >= added && from[i - added] == to[i];
    if (kept)
      out.add(lying[i - added]);
    else
      out.add(Stride{to[i], 0});
  }
  return out;
}

kernels::StridedCopy gathering(const Lying& lying, std::int64_t start) {
  kernels::StridedCopy copy;
  copy.start = start;
  for (std::size_t i = 0; i < lying.size(); ++i) {
    for (const Stride& factor : lying[i]) {
      copy.shape.push_back(factor.size);
      copy.strides.push_back(factor.step);
    }
  }
  return copy;
}

}  // namespace torchkeep::runtime::plan
