#pragma once

#include <iostream>
#include <sstream>

#include "torchkeep/base/process.h"
#include "torchkeep/cli/commands/commands.h"

/// A command called as a user types it, within the test's own process.
namespace torchkeep::cli::testing {

struct Said {
  int status = 0;      ///< The exit code.
  std::string output;  ///< Standard output.
  std::string error;   ///< The failure's message, or the parser's.
};

/// `add` is the command's add_*; `arguments` begin with its name.
inline Said invoke(void (*add)(Command, Invocation&), std::vector<std::string> arguments) {
  CommandLine app("test", "torchkeep");
  Invocation invocation;
  app.allow_options_anywhere();
  app.add_flag("--json", invocation.console.json, "");
  app.add_option("--owner-folder", invocation.owner_folder, "");
  app.add_option("--pccs", invocation.pccs, "");
  add(app, invocation);
  Said said;
  if (const Result<bool> called = app.parse(std::move(arguments)); !called) {
    return {exit_code(called.error().code), "", called.error().message};
  }
  std::ostringstream output;
  std::streambuf* const before = std::cout.rdbuf(output.rdbuf());
  const Result<void> done = invocation.run();
  std::cout.rdbuf(before);
  said.output = output.str();
  said.status = done ? invocation.status : exit_code(done.error().code);
  if (!done) said.error = done.error().message;
  return said;
}

}  // namespace torchkeep::cli::testing
