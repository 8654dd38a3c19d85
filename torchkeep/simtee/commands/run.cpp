#include <iostream>

#include "torchkeep/base/process.h"
#include "torchkeep/base/version.h"
#include "torchkeep/simtee/commands/commands.h"

namespace torchkeep::simtee {

void Invocation::tell(const json::Json& answer, std::string_view line) const {
  if (json) {
    std::cout << answer.dump(2) << std::endl;
  } else {
    std::cout << line << std::endl;
  }
}

int run(int argc, char** argv) {
  Invocation invocation;
  CommandLine app{"A simulated SGX platform, for development: it protects nothing.",
                  "torchkeep-simtee"};
  app.require_command();
  app.allow_options_anywhere();
  app.version(text("torchkeep-simtee ", kVersion, " (simulated platform)"));
  app.add_flag("--json", invocation.json, "Answer with one JSON document, for scripts");
  app.footer(
      "Exit codes: 0 done, 1 refused, 2 wrong call or input, 3 not found, 4 not reachable now, 5 "
      "defect.");
  add_serve(app, invocation);
  add_root(app, invocation);
  add_sign(app, invocation);
  add_measure(app, invocation);
  add_condition(app, invocation);

  const Result<bool> called = app.parse(argc, argv);
  if (called && !*called) return 0;
  const Result<void> done = called ? invocation.run() : called.error();
  if (done) return 0;
  std::cerr << app.program() << ": " << done.error() << std::endl;
  return exit_code(done.error().code);
}

}  // namespace torchkeep::simtee
