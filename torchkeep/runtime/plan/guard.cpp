#include "torchkeep/runtime/plan/guard.h"

#include <algorithm>

#include "torchkeep/runtime/plan/arena.h"

namespace torchkeep::runtime::plan {

ArenaGuard::ArenaGuard(std::span<const Buffer> buffers, MutableByteView arena,
                       std::span<Tensor> outputs)
    : buffers_(buffers), arena_(arena) {
  if constexpr (kPoisons) {
    begun_.resize(buffers.size(), false);
    poison(arena_);
    for (Tensor& output : outputs) std::ranges::fill(output.data, kUnwritten);
  }
}

ArenaGuard::~ArenaGuard() { unpoison(arena_); }

MutableByteView ArenaGuard::place_of(const Buffer& buffer) const {
  return arena_.subspan(buffer.offset, buffer.bytes);
}

// From the last byte on, what rounding up leaves too.
MutableByteView ArenaGuard::red_zone_of(const Buffer& buffer) const {
  const std::uint64_t begin = buffer.offset + buffer.bytes;
  const std::uint64_t rounded = (begin + kArenaAlignment - 1) / kArenaAlignment * kArenaAlignment;
  return arena_.subspan(begin, rounded + kRedZoneBytes - begin);
}

void ArenaGuard::open(const Step& step) {
  if constexpr (kPoisons) {
    for (const BufferId id : step.buffers) {
      const Buffer& buffer = buffers_[id];
      if (buffer.place != Buffer::Place::Arena) continue;
      const MutableByteView place = place_of(buffer), zone = red_zone_of(buffer);
      unpoison(place);
      if (begun_[id]) continue;
      begun_[id] = true;
      std::ranges::fill(place, kUnwritten);
      unpoison(zone);
      std::ranges::fill(zone, kUnwritten);
      poison(zone);
    }
  }
}

void ArenaGuard::close(const Step& step) {
  if constexpr (kPoisons) {
    for (const BufferId id : step.buffers) {
      const Buffer& buffer = buffers_[id];
      if (buffer.place != Buffer::Place::Arena) continue;
      const MutableByteView zone = red_zone_of(buffer);
      unpoison(zone);
      const auto is_whole = [](std::uint8_t byte) { return byte == kUnwritten; };
      TORCHKEEP_CHECK(std::ranges::all_of(zone, is_whole));
      poison(zone);
      poison(place_of(buffer));
    }
  }
}

}  // namespace torchkeep::runtime::plan
