#pragma once

#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

#include "torchkeep/base/bytes.h"
#include "torchkeep/base/file.h"

/// A child process: this very test program, executed again from any path to play a part.
namespace torchkeep::simtee {

/// What a test program is called with to play a part, followed by what the part wants.
inline constexpr const char* kPlayProgram = "--play-program";  ///< SOCKET
inline constexpr const char* kPlaySimtee = "--play-simtee";  ///< The arguments of torchkeep-simtee.

/// Where this test program itself lies.
Path own_executable();

/// Killed when it goes. Lines go to its standard input, come from its standard output, or its
/// standard error.
class Child {
 public:
  enum class Reads { Output, Errors };
  Child(const Path& executable, std::vector<std::string> arguments, Reads reads = Reads::Output);
  ~Child();
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  pid_t id() const { return id_; }
  void send_line(const std::string& line) const;
  /// Nothing once the child has closed its end.
  std::optional<std::string> receive_line();
  /// Sends a signal, waits for the end. Returns the exit code, or minus the signal that ended it.
  int end(int signal);
  int wait();

 private:
  pid_t id_ = -1;
  int to_child_ = -1;
  int from_child_ = -1;
  std::string unread_;
};

/// What a program in a child got from the machine.
struct Answer {
  std::string code;  ///< "ok", or the name of an ErrorCode.
  std::string text;  ///< Hex of the value, or the reason.
};
/// Asks for "hello", "quote" or "key PURPOSE".
Answer ask(Child& program, const std::string& question);

/// The part itself: opens the platform anew for each line, and answers it. Returns the exit code.
int play_program(const std::string& socket);

}  // namespace torchkeep::simtee
