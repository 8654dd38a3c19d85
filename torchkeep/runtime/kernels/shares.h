#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

/// How threads share out a run's work when one of them may be slower than the others, as on a
/// machine whose cores others use too.
namespace torchkeep::runtime::kernels {

/// Each thread has pieces that follow each other and takes them from the front; one that has none
/// left takes others' from the back. *`take` is thread-safe*, `deal` is called before the threads
/// start.
class Shares {
 public:
  explicit Shares(std::size_t threads) : ranges_(threads) {}

  /// At most 2^32 - 1 pieces.
  void deal(std::size_t pieces) {
    for (std::size_t t = 0; t < ranges_.size(); ++t) {
      ranges_[t].left.store(packed(pieces * t / ranges_.size(), pieces * (t + 1) / ranges_.size()),
                            std::memory_order_relaxed);
    }
  }

  struct Some {
    std::size_t first, last;
    bool operator==(const Some&) const = default;
  };

  /// The next pieces for `thread`, at most `most` and half of what is left where they come from, so
  /// that towards the end nobody waits for long; none when all have been taken.
  std::optional<Some> take(std::size_t thread, std::size_t most) {
    if (const auto own = take_from(ranges_[thread], true, most)) return own;
    for (std::size_t i = 1; i < ranges_.size(); ++i) {
      if (const auto other = take_from(ranges_[(thread + i) % ranges_.size()], false, most))
        return other;
    }
    return std::nullopt;
  }

  /// The next piece.
  std::optional<std::size_t> take(std::size_t thread) {
    const std::optional<Some> one = take(thread, 1);
    return one ? std::optional(one->first) : std::nullopt;
  }

 private:
  /// First piece in the upper half, the one behind the last in the lower.
  static std::uint64_t packed(std::uint64_t first, std::uint64_t last) {
    return first << 32 | last;
  }

  struct alignas(64) Range {
    std::atomic<std::uint64_t> left = 0;
  };

  static std::optional<Some> take_from(Range& range, bool front, std::size_t most) {
    std::uint64_t left = range.left.load(std::memory_order_relaxed);
    while (true) {
      const std::uint64_t first = left >> 32, last = left & 0xFFFFFFFF;
      if (first >= last) return std::nullopt;
      const std::uint64_t count = std::min<std::uint64_t>(most, (last - first + 1) / 2);
      const std::uint64_t rest = front ? packed(first + count, last) : packed(first, last - count);
      // What pieces read and write is ordered by the threads' start and end alone.
      if (range.left.compare_exchange_weak(left, rest, std::memory_order_relaxed))
        return front ? Some{first, first + count} : Some{last - count, last};
    }
  }

  std::vector<Range> ranges_;
};

}  // namespace torchkeep::runtime::kernels
