#include "torchkeep/runtime/shelf.h"

#include <algorithm>

namespace torchkeep::runtime {
namespace {

// Small models need little, large ones want huge pages.
constexpr std::uint64_t kSmallestPiece = 64 << 10, kLargestPiece = 64 << 20, kPieces = 4,
                        kAlignment = 64, kMostGrowth = 48 << 20;

std::uint64_t aligned(std::uint64_t bytes) {
  return (bytes + kAlignment - 1) / kAlignment * kAlignment;
}

}  // namespace

// The smallest that is large enough: a model's layers come in few sizes, and again and again.
std::vector<Shelf::Hole>::iterator Shelf::find_hole(std::uint64_t bytes) {
  auto best = holes_.end();
  for (auto hole = holes_.begin(); hole != holes_.end(); ++hole) {
    if (hole->size >= bytes && (best == holes_.end() || hole->size < best->size)) best = hole;
  }
  return best;
}

Shelf::Room Shelf::take(std::uint64_t bytes) {
  const std::uint64_t needed = aligned(bytes);
  if (const auto hole = find_hole(needed); hole != holes_.end() && bytes > 0) {
    const Room room{hole->memory->expose().subspan(hole->offset, bytes), hole->memory};
    hole->offset += needed;
    hole->size -= needed;
    if (hole->size == 0) holes_.erase(hole);
    return room;
  }
  taken_ += bytes;
  if (piece_ == nullptr || piece_->size() - filled_ < needed) {
    // Pieces grow with the model, so that what is left of the last is a small part of it.
    const std::uint64_t next = std::clamp(aligned(taken_ / kPieces), kSmallestPiece, kLargestPiece);
    if (needed > next / 2) {  // worth a piece of its own
      auto own = std::make_shared<SecretBytes>(bytes);
      const MutableByteView view = own->expose();
      return {view, std::move(own)};
    }
    piece_ = std::make_shared<SecretBytes>(next);
    filled_ = 0;
  }
  const MutableByteView view = piece_->expose().subspan(filled_, bytes);
  filled_ += needed;
  return {view, piece_};
}

bool Shelf::allow_growth(std::uint64_t bytes) {
  if (bytes > kMostGrowth - growth_) return false;
  growth_ += bytes;
  return true;
}

void Shelf::give(std::shared_ptr<SecretBytes> memory, std::uint64_t offset, std::uint64_t size) {
  TORCHKEEP_CHECK(offset <= memory->size() && size <= memory->size() - offset);
  const std::uint64_t whole = std::min(aligned(size), memory->size() - offset);
  Hole hole{std::move(memory), offset, whole};
  if (hole.size == 0) return;
  // Joined with its neighbours, if they are holes too.
  std::erase_if(holes_, [&](const Hole& other) {
    if (other.memory != hole.memory) return false;
    if (other.offset + other.size == hole.offset) {
      hole.offset = other.offset;
    } else if (hole.offset + hole.size != other.offset) {
      return false;
    }
    hole.size += other.size;
    return true;
  });
  holes_.push_back(std::move(hole));
}

void Shelf::clear() {
  for (const Hole& hole : holes_) hole.memory->discard(hole.offset, hole.size);
  holes_.clear();
}

}  // namespace torchkeep::runtime
