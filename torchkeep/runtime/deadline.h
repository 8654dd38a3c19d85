#pragma once

#include <chrono>

#include "torchkeep/base/text.h"

/// How long one run may take.
namespace torchkeep::runtime {

/// When a run ends, and how rarely the clock is asked: a reading may leave the enclave, which takes
/// longer than most steps. *A value, of one run.*
/// The clock is the host's in the end: one that lies about time ends requests early or late, which
/// a host can do in other ways too.
class Deadline {
 public:
  /// What is counted as work: floating-point operations, and so many for each byte of a step's
  /// tensors. A core does this much in 10 to 100 ms.
  static constexpr double kWorkBetweenReadings = 1e9;
  static constexpr double kWorkOfAByte = 8;
  /// Whatever they count as: some steps do more than their tensors tell.
  static constexpr int kStepsBetweenReadings = 64;

  /// None.
  Deadline() = default;
  /// That long from now on; none if it is 0.
  explicit Deadline(std::chrono::milliseconds length) {
    if (length.count() == 0) return;
    length_ = length;
    end_ = now() + length;
  }

  /// Before a step that is so much work. Reads the clock if that step, or what was begun since the
  /// last reading, is as much as may lie between two.
  /// Errors: Unavailable if the time was over then.
  Result<void> check(double work) {
    if (length_.count() == 0) return {};
    const bool is_due = work_ + work > kWorkBetweenReadings || ++steps_ >= kStepsBetweenReadings;
    work_ += work;
    if (!is_due) return {};
    work_ = work;
    steps_ = 0;
    if (now() < end_) return {};
    return unavailable("the run takes longer than ", length_.count(),
                       " ms, which is its limit; raise it or ask for less at once");
  }

  /// How often the clock has been asked.
  int readings() const { return readings_; }

 private:
  std::chrono::steady_clock::time_point now() {
    ++readings_;
    return std::chrono::steady_clock::now();
  }

  std::chrono::milliseconds length_{0};
  std::chrono::steady_clock::time_point end_;
  double work_ = 0;  ///< Begun since the last reading.
  int steps_ = 0;
  int readings_ = 0;
};

}  // namespace torchkeep::runtime
