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

void StderrLog::write(LogLevel level, std::string_view message) {
  std::string line = text(format_rfc3339(SystemClock().now()), ' ', name_of(level), ' ', program_, ": ",
                          message);
  for (char& character : line) {
    if (static_cast<unsigned char>(character) < 0x20 || character == 0x7f) character = '?';
  }
  line += '\n';
  // One write a line keeps lines of several threads apart; a log that is full is nobody's error.
  (void)!::write(STDERR_FILENO, line.data(), line.size());
}

}  // namespace torchkeep
