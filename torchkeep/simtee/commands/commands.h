#pragma once

#include <functional>

#include "torchkeep/base/command_line.h"
#include "torchkeep/json/json.h"

/// The commands, one source file each. Every `add_*` puts its command under `app`; when the user
/// has called it, `invocation.run` is set to what it does.
namespace torchkeep::simtee {

struct Invocation {
  bool json = false;  ///< --json: the answer is one JSON document.
  std::function<Result<void>()> run;

  /// Prints `answer` with --json, `line` without.
  void tell(const json::Json& answer, std::string_view line) const;
};

/// The whole program: parses the command line, runs what it says; a failure is one line on standard
/// error. Returns the exit code (base/process.h).
int run(int argc, char** argv);

void add_serve(Command app, Invocation& invocation);
void add_root(Command app, Invocation& invocation);
void add_sign(Command app, Invocation& invocation);
void add_measure(Command app, Invocation& invocation);
void add_condition(Command app, Invocation& invocation);

}  // namespace torchkeep::simtee
