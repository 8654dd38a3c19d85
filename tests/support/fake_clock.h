#pragma once

#include <atomic>

#include "torchkeep/base/clock.h"

namespace torchkeep::testing {

/// A clock that stands still until it is told to move. *Thread-safe.*
class FakeClock final : public Clock {
 public:
  explicit FakeClock(std::string_view start = "2026-11-23T10:00:00Z")
      : now_(parse_rfc3339(start).value().time_since_epoch().count()) {}
  TimePoint now() const override { return TimePoint(Duration(now_.load())); }
  void set(TimePoint time) { now_ = time.time_since_epoch().count(); }
  void advance(Duration by) { now_ += by.count(); }

 private:
  std::atomic<Duration::rep> now_;
};

}  // namespace torchkeep::testing
