#pragma once

#include <string>
#include <string_view>

#include "torchkeep/base/text.h"
#include "torchkeep/json/json.h"

/// What a command says: lines for people, or one JSON document for scripts. Never both.
namespace torchkeep::cli {

/// How a word stands out, on a terminal only.
enum class Tone { Good, Bad, Warning };

/// *Lives on the main thread.*
class Console {
 public:
  bool json = false;  ///< Set by --json.

  /// A line on standard output; nothing with --json.
  template <typename... Parts>
  void line(const Parts&... parts) const {
    write_line(text(parts...));
  }
  /// A name and its value, aligned.
  void field(std::string_view name, std::string_view value) const;
  /// `words` in a colour, if standard output is a terminal and NO_COLOR is not set.
  std::string painted(Tone tone, std::string_view words) const;
  /// The command's answer; printed only with --json.
  void answer(const json::Json& value) const;
  /// The command's failure, with its code: on standard error, or as the JSON answer.
  void failure(const Error& error) const;

 private:
  void write_line(std::string_view line) const;
};

/// A bar on standard error while something takes long; nothing unless that is a terminal.
class Progress {
 public:
  Progress(std::string label, std::uint64_t total);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  void advance(std::uint64_t amount);

 private:
  std::string label_;
  std::uint64_t total_;
  std::uint64_t done_ = 0;
  int shown_percent_ = -1;
  bool on_terminal_;
};

}  // namespace torchkeep::cli
