#include "torchkeep/cli/console.h"

#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <iostream>

#include "torchkeep/base/log.h"

namespace torchkeep::cli {

void Console::write_line(std::string_view line) const {
  if (!json) std::cout << line << std::endl;
}

void Console::field(std::string_view name, std::string_view value) const {
  constexpr std::size_t kColumn = 18;
  std::string padded(name);
  padded.resize(std::max(kColumn, padded.size() + 1), ' ');
  line("  ", padded, value);
}

std::string Console::painted(Tone tone, std::string_view words) const {
  static const bool wanted = isatty(STDOUT_FILENO) == 1 && std::getenv("NO_COLOR") == nullptr;
  if (!wanted) return std::string(words);
  const std::string_view colour = tone == Tone::Good  ? "\033[32m"
                                  : tone == Tone::Bad ? "\033[31m"
                                                      : "\033[33m";
  return text(colour, words, "\033[0m");
}

void Console::answer(const json::Json& value) const {
  if (json) std::cout << value.dump(2) << std::endl;
}

void Console::failure(const Error& error) const {
  if (json) {
    const json::Json value = {{"error", name_of(error.code)}, {"message", error.message}};
    std::cout << value.dump(2) << std::endl;
    return;
  }
  const bool colour = isatty(STDERR_FILENO) == 1 && std::getenv("NO_COLOR") == nullptr;
  std::cerr << (colour ? "\033[31m" : "") << "torchkeep: " << name_of(error.code)
            << (colour ? "\033[0m: " : ": ") << one_line(error.message) << std::endl;
}

Progress::Progress(std::string label, std::uint64_t total)
    : label_(std::move(label)), total_(total), on_terminal_(isatty(STDERR_FILENO) == 1) {}

Progress::~Progress() {
  if (on_terminal_ && shown_percent_ >= 0) std::cerr << std::endl;
}

void Progress::advance(std::uint64_t amount) {
  done_ += amount;
  if (!on_terminal_ || total_ == 0) return;
  const int percent = static_cast<int>(100.0 * static_cast<double>(done_) / static_cast<double>(total_));
  if (percent == shown_percent_) return;
  shown_percent_ = percent;
  constexpr int kWidth = 40;
  const auto filled = static_cast<std::size_t>(percent * kWidth / 100);
  std::cerr << '\r' << label_ << " [" << std::string(filled, '#')
            << std::string(kWidth - filled, ' ') << "] " << percent << " %" << std::flush;
}

}  // namespace torchkeep::cli
