#pragma once

#include <array>
#include <memory>
#include <vector>

#include "torchkeep/runtime/graph/graph.h"

/// What a plan knows of values while it is made, found by their numbers. A search through scattered
/// memory costs a sequence's new length more than all else that planning does, since each token
/// drives everything out of the caches.
namespace torchkeep::runtime::plan {

/// A number for each value, 0 where none was set. Its pages come when they are first written: a
/// plan of one node, of which folding makes many, looks at few values of a large graph.
class ValueNumbers {
 public:
  std::uint32_t get(graph::ValueId value) const {
    const std::size_t page = value / kPage;
    return page < pages_.size() && pages_[page] ? (*pages_[page])[value % kPage] : 0;
  }
  std::uint32_t& at(graph::ValueId value) {
    const std::size_t page = value / kPage;
    if (page >= pages_.size()) pages_.resize(page + 1);
    if (!pages_[page]) pages_[page] = std::make_unique<Page>();
    return (*pages_[page])[value % kPage];
  }

 private:
  static constexpr std::uint32_t kPage = 256;
  using Page = std::array<std::uint32_t, kPage>;
  std::vector<std::unique_ptr<Page>> pages_;
};

/// Something for each value that comes up. Places stay where they are.
template <typename T, std::uint32_t kPiece = 16>
class ValueTable {
 public:
  /// Null if nothing was set for it.
  T* find(graph::ValueId value) {
    const std::uint32_t place = places_.get(value);
    return place > 0 ? &at(place - 1) : nullptr;
  }
  const T* find(graph::ValueId value) const { return const_cast<ValueTable*>(this)->find(value); }

  T& set(graph::ValueId value, T what) {
    std::uint32_t& place = places_.at(value);
    if (place == 0) {
      if (count_ == pieces_.size() * kPiece) pieces_.push_back(std::make_unique<Piece>());
      place = ++count_;
    }
    return at(place - 1) = std::move(what);
  }

 private:
  using Piece = std::array<T, kPiece>;
  T& at(std::uint32_t place) { return (*pieces_[place / kPiece])[place % kPiece]; }

  ValueNumbers places_;  // of each value, counted from 1
  std::vector<std::unique_ptr<Piece>> pieces_;
  std::uint32_t count_ = 0;
};

}  // namespace torchkeep::runtime::plan
