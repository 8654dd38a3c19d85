#pragma once

#include <chrono>

#include "torchkeep/base/text.h"

/// How long one run may take.
namespace torchkeep::runtime {

/// *A value.* The clock that never goes back is the machine's own: a host that lies about time ends
/// requests early or late, which it can do in other ways too.
class Deadline {
 public:
  /// None.
  Deadline() = default;
  /// That long from now on; none if it is 0.
  explicit Deadline(std::chrono::milliseconds length) {
    if (length.count() == 0) return;
    length_ = length;
    end_ = std::chrono::steady_clock::now() + length;
  }

  /// Errors: Unavailable once the time is over.
  Result<void> check() const {
    if (length_.count() == 0 || std::chrono::steady_clock::now() < end_) return {};
    return unavailable("the run takes longer than ", length_.count(),
                       " ms, which is its limit; raise it or ask for less at once");
  }

 private:
  std::chrono::milliseconds length_{0};
  std::chrono::steady_clock::time_point end_;
};

}  // namespace torchkeep::runtime
