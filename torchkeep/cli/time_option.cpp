#include "torchkeep/cli/time_option.h"

#include "torchkeep/base/text.h"

namespace torchkeep::cli {
namespace {

bool is_digit(char character) { return character >= '0' && character <= '9'; }

int two_digits(const std::string& text, std::size_t at) {
  return (text[at] - '0') * 10 + (text[at + 1] - '0');
}

// "+02:00" at the end of `text`, which it is then cut off from.
std::chrono::minutes take_offset(std::string& text) {
  constexpr std::size_t kLength = 6;
  if (text.size() < kLength) return {};
  const std::size_t sign = text.size() - kLength;
  const bool fits = (text[sign] == '+' || text[sign] == '-') && is_digit(text[sign + 1]) &&
                    is_digit(text[sign + 2]) && text[sign + 3] == ':' && is_digit(text[sign + 4]) &&
                    is_digit(text[sign + 5]);
  if (!fits || two_digits(text, sign + 1) > 23 || two_digits(text, sign + 4) > 59) return {};
  const std::chrono::minutes ahead{two_digits(text, sign + 1) * 60 + two_digits(text, sign + 4)};
  const bool east = text[sign] == '+';
  text.replace(sign, kLength, "Z");
  return east ? ahead : -ahead;
}

}  // namespace

Result<TimePoint> parse_time_option(const std::string& text) {
  std::string utc = text;
  const std::chrono::minutes ahead = take_offset(utc);
  const auto time = parse_rfc3339(utc);
  if (time) return *time - ahead;
  return invalid_argument("--at \"", text, "\" is no time; write it as --at ",
                          format_rfc3339(SystemClock().now()), " (RFC 3339)");
}

}  // namespace torchkeep::cli
