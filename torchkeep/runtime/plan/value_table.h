#pragma once

#include <array>
#include <memory>
#include <vector>

#include "torchkeep/runtime/graph/graph.h"

namespace torchkeep::runtime::plan {

/// Something for each value that comes up while a plan is made, found by the value's number. A
/// search through scattered memory costs a sequence's new length more than all else that planning
/// does, since each token drives everything out of the caches. Places stay where they are.
template <typename T>
class ValueTable {
 public:
  explicit ValueTable(std::size_t values) : places_(values, kNone) {}

  /// Null if nothing was set for it.
  T* find(graph::ValueId value) {
    return value < places_.size() && places_[value] != kNone ? &at(places_[value]) : nullptr;
  }
  const T* find(graph::ValueId value) const { return const_cast<ValueTable*>(this)->find(value); }

  T& set(graph::ValueId value, T what) {
    if (value >= places_.size()) places_.resize(value + std::size_t{1}, kNone);
    if (places_[value] == kNone) {
      if (count_ == pieces_.size() * kPiece) pieces_.push_back(std::make_unique<Piece>());
      places_[value] = count_++;
    }
    return at(places_[value]) = std::move(what);
  }

 private:
  static constexpr std::uint32_t kNone = ~std::uint32_t{0}, kPiece = 16;
  using Piece = std::array<T, kPiece>;
  T& at(std::uint32_t place) { return (*pieces_[place / kPiece])[place % kPiece]; }

  std::vector<std::uint32_t> places_;  // of each value
  std::vector<std::unique_ptr<Piece>> pieces_;
  std::uint32_t count_ = 0;
};

}  // namespace torchkeep::runtime::plan
