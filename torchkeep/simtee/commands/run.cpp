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
  CLI::App app{"A simulated SGX platform, for development: it protects nothing.",
               "torchkeep-simtee"};
  app.require_subcommand(0, 1);  // none is refused below: CLI11 would not name a misspelt one
  app.fallthrough();
  app.set_version_flag("--version", text("torchkeep-simtee ", kVersion, " (simulated platform)"));
  app.add_flag("--json", invocation.json, "Answer with one JSON document, for scripts");
  app.footer(
      "Exit codes: 0 done, 1 refused, 2 wrong call or input, 3 not found, 4 not reachable now, 5 "
      "defect.");
  add_serve(app, invocation);
  add_root(app, invocation);
  add_sign(app, invocation);
  add_measure(app, invocation);
  add_condition(app, invocation);

  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& answered) {  // --help, --version
    return app.exit(answered);
  } catch (const CLI::ParseError& wrong) {
    std::cerr << "torchkeep-simtee: " << wrong.what() << "; see --help" << std::endl;
    return exit_code(ErrorCode::InvalidArgument);
  }
  const Result<void> done =
      invocation.run ? invocation.run() : invalid_argument("a command is wanted; see --help");
  if (done) return 0;
  std::cerr << "torchkeep-simtee: " << done.error() << std::endl;
  return exit_code(done.error().code);
}

}  // namespace torchkeep::simtee
