#pragma once

#include <cstdint>
#include <span>
#include <vector>

/// Where a tensor's elements lie that are no neighbours.
namespace torchkeep::runtime::plan {

/// A step through memory, in elements, that is made `size` times; a step of 0 repeats.
struct Stride {
  std::int64_t size = 0, step = 0;
  bool operator==(const Stride&) const = default;
};

/// For each dimension the steps that it is made of, whose sizes multiply to its own; the last one
/// is the fastest. Empty: the elements are neighbours. All steps lie in one piece of memory: plans
/// of a growing sequence make hundreds of these.
class Lying {
 public:
  bool empty() const { return ends_.empty(); }
  std::size_t size() const { return ends_.size(); }
  std::span<const Stride> operator[](std::size_t dimension) const {
    const std::size_t begin = dimension == 0 ? 0 : ends_[dimension - 1];
    return std::span(strides_).subspan(begin, ends_[dimension] - begin);
  }
  std::span<const Stride> back() const { return (*this)[size() - 1]; }

  void reserve(std::size_t dimensions) {
    ends_.reserve(dimensions);
    strides_.reserve(dimensions + 1);  // most have one step, one has two
  }
  /// The next dimension, which is made of these steps.
  void add(std::span<const Stride> steps) {
    for (const Stride& step : steps) strides_.push_back(step);
    ends_.push_back(static_cast<std::uint32_t>(strides_.size()));
  }
  void add(Stride step) { add(std::span(&step, 1)); }
  /// The same with one dimension made of other steps.
  Lying with(std::size_t dimension, std::span<const Stride> steps) const {
    Lying made;
    made.reserve(size());
    for (std::size_t i = 0; i < size(); ++i) made.add(i == dimension ? steps : (*this)[i]);
    return made;
  }

  bool operator==(const Lying&) const = default;

 private:
  std::vector<Stride> strides_;
  std::vector<std::uint32_t> ends_;  // of each dimension's steps
};

}  // namespace torchkeep::runtime::plan
