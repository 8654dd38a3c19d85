#pragma once

#include <string>
#include <vector>

#include "torchkeep/base/log.h"
#include "torchkeep/base/mutex.h"

namespace torchkeep::testing {

/// A log that a test reads. *Thread-safe.*
class RecordingLog final : public Log {
 public:
  void write(LogLevel, std::string_view message) override {
    const MutexLock lock(mutex_);
    lines_.emplace_back(message);
  }
  std::vector<std::string> lines() const {
    const MutexLock lock(mutex_);
    return lines_;
  }
  /// All lines, one below the other.
  std::string text() const {
    std::string all;
    for (const std::string& line : lines()) all += line + '\n';
    return all;
  }
  std::size_t count(std::string_view part) const {
    std::size_t count = 0;
    for (const std::string& line : lines()) count += line.find(part) != std::string::npos ? 1 : 0;
    return count;
  }
  bool contains(std::string_view part) const { return count(part) != 0; }
  void clear() {
    const MutexLock lock(mutex_);
    lines_.clear();
  }

 private:
  mutable Mutex mutex_;
  std::vector<std::string> lines_ GUARDED_BY(mutex_);
};

}  // namespace torchkeep::testing
