#include "torchkeep/runtime/plan/arena.h"

#include <algorithm>
#include <numeric>

namespace torchkeep::runtime::plan {
namespace {

struct Placed {
  std::uint64_t begin, end;
  std::uint32_t first, last;
};

bool meet(const Placed& placed, const Lifetime& lifetime) {
  return placed.first <= lifetime.last && lifetime.first <= placed.last;
}

}  // namespace

ArenaLayout lay_out(const std::vector<Lifetime>& lifetimes) {
  std::vector<std::size_t> order(lifetimes.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(order, [&](std::size_t left, std::size_t right) {
    return lifetimes[left].bytes > lifetimes[right].bytes;
  });
  ArenaLayout layout;
  layout.offsets.resize(lifetimes.size());
  std::vector<Placed> placed;  // by `begin`
  for (const std::size_t index : order) {
    const Lifetime& lifetime = lifetimes[index];
    const std::uint64_t size =
        (lifetime.bytes + kArenaAlignment - 1) / kArenaAlignment * kArenaAlignment;
    std::uint64_t begin = 0;
    for (const Placed& other : placed) {
      if (!meet(other, lifetime)) continue;
      if (begin + size <= other.begin) break;
      begin = std::max(begin, other.end);
    }
    const Placed here{begin, begin + size, lifetime.first, lifetime.last};
    placed.insert(std::ranges::upper_bound(placed, begin, {}, &Placed::begin), here);
    layout.offsets[index] = begin;
    layout.bytes = std::max(layout.bytes, here.end);
  }
  return layout;
}

}  // namespace torchkeep::runtime::plan
