#pragma once

#include <algorithm>

namespace torchkeep::runtime {

/// How often a thread that waits for another looks before it sleeps. Between two primitives lie
/// microseconds, so looking mostly pays. Where it was in vain, the cores are shared with others,
/// and looking longer would only keep the one awaited from running: the next wait looks for half as
/// long. But two threads that sleep for each other find all their waits as long as being woken
/// takes, 50 to 100 microseconds, and would go on so for ever: now and then one looks for longer
/// than that. *Lives on one thread.*
class Patience {
 public:
  // A look takes about 50 nanoseconds.
  static constexpr int kMostLooks = 20'000, kFewestLooks = 64;
  static constexpr int kTryLooks = 4'000, kWaitsToATry = 4;

  /// How often to look in the wait that begins.
  int looks() const { return tries() ? std::max(limit_, kTryLooks) : limit_; }

  /// What was awaited came after so many looks.
  void found(int looks) {
    limit_ = std::min(2 * std::max(limit_, looks), kMostLooks);
    in_vain_ = 0;
  }

  /// All looks were in vain.
  void in_vain() {
    in_vain_ = tries() ? 0 : in_vain_ + 1;
    limit_ = std::max(limit_ / 2, kFewestLooks);
  }

 private:
  bool tries() const { return in_vain_ == kWaitsToATry; }

  int limit_ = kMostLooks;
  int in_vain_ = 0;  ///< Waits in a row, since the last try.
};

}  // namespace torchkeep::runtime
