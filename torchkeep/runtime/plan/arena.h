#pragma once

#include <cstdint>
#include <vector>

/// One block of memory for all activations: what is never alive at the same time shares its place.
namespace torchkeep::runtime::plan {

inline constexpr std::uint64_t kArenaAlignment = 64;

struct Lifetime {
  std::uint64_t bytes = 0;
  std::uint32_t first = 0, last = 0;  ///< Steps, both included.
};

struct ArenaLayout {
  std::vector<std::uint64_t> offsets;  ///< One a lifetime, multiples of kArenaAlignment.
  std::uint64_t bytes = 0;             ///< Of the whole arena.
};

/// The largest are placed first, each as low as it fits.
ArenaLayout lay_out(const std::vector<Lifetime>& lifetimes);

}  // namespace torchkeep::runtime::plan
