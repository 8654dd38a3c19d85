#pragma once

#include <atomic>
#include <chrono>
#include <string>
#include <string_view>

#include "torchkeep/base/result.h"

/// Time. An enclave has it from its host, who may lie: see `ForwardClock`.
namespace torchkeep {

using Duration = std::chrono::milliseconds;
using TimePoint = std::chrono::sys_time<Duration>;

/// Where time comes from; handed in, so that a test hands in its own. *Thread-safe.*
class Clock {
 public:
  virtual ~Clock() = default;
  virtual TimePoint now() const = 0;
};

class SystemClock final : public Clock {
 public:
  TimePoint now() const override;
};

/// Time that never goes back, not even past the newest authenticated time that was seen
/// (collateral dates, signed statements). *Thread-safe.*
class ForwardClock final : public Clock {
 public:
  explicit ForwardClock(const Clock& source) : source_(source) {}
  TimePoint now() const override;
  /// Raises the floor to a time that a verified signature vouches for.
  void observe(TimePoint authenticated);

 private:
  const Clock& source_;
  mutable std::atomic<Duration::rep> floor_{0};
};

/// "2026-11-23T10:00:00Z"; fractions of a second are cut off.
std::string format_rfc3339(TimePoint time);
/// Reads UTC only ("Z"), with or without a fraction. Errors: Malformed.
Result<TimePoint> parse_rfc3339(std::string_view text);

}  // namespace torchkeep
