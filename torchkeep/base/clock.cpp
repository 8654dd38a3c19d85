#include "torchkeep/base/clock.h"

#include <cstdio>

#include "torchkeep/base/text.h"

namespace torchkeep {
namespace {

/// `count` decimal digits at `place`, or -1.
int digits_at(std::string_view text, std::size_t place, std::size_t count) {
  if (place + count > text.size()) return -1;
  int value = 0;
  for (const char digit : text.substr(place, count)) {
    if (digit < '0' || digit > '9') return -1;
    value = value * 10 + (digit - '0');
  }
  return value;
}

bool ends_in_utc(std::string_view tail) {
  if (tail == "Z") return true;
  if (tail.size() < 3 || tail.front() != '.' || tail.back() != 'Z') return false;
  const std::string_view fraction = tail.substr(1, tail.size() - 2);
  return fraction.find_first_not_of("0123456789") == std::string_view::npos;
}

}  // namespace

TimePoint SystemClock::now() const {
  return std::chrono::time_point_cast<Duration>(std::chrono::system_clock::now());
}

TimePoint ForwardClock::now() const {
  const Duration::rep host = source_.now().time_since_epoch().count();
  Duration::rep floor = floor_.load();
  while (host > floor && !floor_.compare_exchange_weak(floor, host)) {
  }
  return TimePoint(Duration(std::max(host, floor)));
}

void ForwardClock::observe(TimePoint authenticated) {
  const Duration::rep time = authenticated.time_since_epoch().count();
  Duration::rep floor = floor_.load();
  while (time > floor && !floor_.compare_exchange_weak(floor, time)) {
  }
}

std::string format_rfc3339(TimePoint time) {
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(std::chrono::floor<std::chrono::seconds>(time - day));
  char out[40];
  std::snprintf(out, sizeof out, "%04d-%02u-%02uT%02d:%02d:%02dZ", static_cast<int>(date.year()),
                static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                static_cast<int>(clock.hours().count()), static_cast<int>(clock.minutes().count()),
                static_cast<int>(clock.seconds().count()));
  return out;
}

Result<TimePoint> parse_rfc3339(std::string_view text) {
  const auto bad = [&] {
    return malformed("\"", text, "\" is not a UTC time like 2026-11-23T10:00:00Z");
  };
  if (text.size() < 20 || text[4] != '-' || text[7] != '-' || text[10] != 'T' || text[13] != ':' ||
      text[16] != ':' || !ends_in_utc(text.substr(19))) {
    return bad();
  }
  const int year = digits_at(text, 0, 4), month = digits_at(text, 5, 2), day = digits_at(text, 8, 2);
  const int hour = digits_at(text, 11, 2), minute = digits_at(text, 14, 2),
            second = digits_at(text, 17, 2);
  if (year < 0 || month < 0 || day < 0 || hour < 0 || minute < 0 || second < 0) return bad();
  const std::chrono::year_month_day date(std::chrono::year(year),
                                         std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day)));
  if (!date.ok() || hour > 23 || minute > 59 || second > 60) return bad();
  return TimePoint(std::chrono::sys_days(date)) + std::chrono::hours(hour) +
         std::chrono::minutes(minute) + std::chrono::seconds(second);
}

}  // namespace torchkeep
