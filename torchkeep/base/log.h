#pragma once

#include <string_view>

#include "torchkeep/base/text.h"

/// What a program tells its operator. Whole errors belong here; secrets never do.
namespace torchkeep {

enum class LogLevel { Info, Warning, Error };

/// Where log lines go; handed in. *Thread-safe.*
class Log {
 public:
  virtual ~Log() = default;
  virtual void write(LogLevel level, std::string_view message) = 0;

  template <typename... Parts>
  void info(const Parts&... parts) {
    write(LogLevel::Info, text(parts...));
  }
  template <typename... Parts>
  void warning(const Parts&... parts) {
    write(LogLevel::Warning, text(parts...));
  }
  template <typename... Parts>
  void error(const Parts&... parts) {
    write(LogLevel::Error, text(parts...));
  }
};

/// `text` with its control characters shown as "?", so that nobody forges a line or paints on a
/// terminal with words that came from elsewhere.
std::string one_line(std::string text);

/// One line an entry on standard error: `2026-11-23T10:00:00Z warning keycache: message`.
class StderrLog final : public Log {
 public:
  explicit StderrLog(std::string_view program) : program_(program) {}
  void write(LogLevel level, std::string_view message) override;

 private:
  std::string program_;
};

}  // namespace torchkeep
