#include "torchkeep/base/log.h"

#include <unistd.h>

#include "torchkeep/base/clock.h"

namespace torchkeep {
namespace {

std::string_view name_of(LogLevel level) {
  switch (level) {
    case LogLevel::Info: return "info";
    case LogLevel::Warning: return "warning";
    case LogLevel::Error: return "error";
  }
  return "error";
}

}  // namespace

std::string one_line(std::string text) {
  for (char& character : text) {
    if (static_cast<unsigned char>(character) < 0x20 || character == 0x7f) character = '?';
  }
  return text;
}

void StderrLog::write(LogLevel level, std::string_view message) {
  const std::string line = one_line(text(format_rfc3339(SystemClock().now()), ' ', name_of(level),
                                         ' ', program_, ": ", message)) +
                           '\n';
  // One write a line keeps lines of several threads apart; a log that is full is nobody's error.
  (void)!::write(STDERR_FILENO, line.data(), line.size());
}

}  // namespace torchkeep
