#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "torchkeep/base/secret.h"

/// Memory for packed parameters.
namespace torchkeep::runtime {

/// Parameters share large pieces of secret memory, which the kernel can lay on huge pages: a model
/// that is read front to back in each run otherwise waits for its page tables. What a packed
/// parameter came from is room for the next ones, so that loading touches no page twice.
/// *Not thread-safe.*
class Shelf {
 public:
  /// Memory aligned to 64, of any content, and what must live as long as it is used. A piece is
  /// wiped and goes when all its owners have gone.
  struct Room {
    MutableByteView bytes;
    std::shared_ptr<const void> owner;
  };
  Room take(std::uint64_t bytes);

  /// Parameters may become faster to use by becoming larger, over all by 48 MiB. True: there is room
  /// for so many more bytes, which are counted.
  bool allow_growth(std::uint64_t bytes);

  /// That part of `memory` is wanted by nobody any more.
  void give(std::shared_ptr<SecretBytes> memory, std::uint64_t offset, std::uint64_t size);

  /// Wipes what was given and not taken, and returns its pages: all are packed for now.
  void clear();

 private:
  struct Hole {
    std::shared_ptr<SecretBytes> memory;
    std::uint64_t offset = 0, size = 0;  // both multiples of 64, but for the end of the memory
  };
  std::vector<Hole>::iterator find_hole(std::uint64_t bytes);

  std::vector<Hole> holes_;             // no two of them touch
  std::shared_ptr<SecretBytes> piece_;  // that is being filled
  std::uint64_t filled_ = 0;            // of it
  std::uint64_t taken_ = 0;             // from all pieces
  std::uint64_t growth_ = 0;            // that was allowed
};

/// While a plan is made, which may pack parameters: whichever way that ends, what they were packed
/// from is wiped.
class Packing {
 public:
  explicit Packing(Shelf& shelf) : shelf_(shelf) {}
  ~Packing() { shelf_.clear(); }
  Packing(const Packing&) = delete;
  Packing& operator=(const Packing&) = delete;

 private:
  Shelf& shelf_;
};

}  // namespace torchkeep::runtime
