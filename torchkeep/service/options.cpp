#include <iostream>

#include "torchkeep/base/process.h"
#include "torchkeep/base/version.h"
#include "torchkeep/service/service.h"

namespace torchkeep::service {
namespace {

// "torchkeep-worker" speaks of itself as "worker" in its log.
std::string_view log_name(std::string_view program) {
  constexpr std::string_view kFamily = "torchkeep-";
  return program.starts_with(kFamily) ? program.substr(kFamily.size()) : program;
}

std::string version_line(std::string_view program) {
  return text(program, " ", kVersion,
              tee::built_for_simulation() ? " (simulated platform only)" : "");
}

}  // namespace

void add_options(CommandLine& app, Options& options, std::string_view program) {
  app.version(version_line(program));
  app.take_config_file();
  app.add_option("--listen", options.listen, "Address to serve on; port 0 asks for a free one")
      .required()
      .type_name("HOST:PORT");
  app.add_option("--pccs", options.pccs,
                 "Where attestation collateral is served: HOST:PORT (in clear: it is public, and "
                 "signed) or https://HOST[:PORT][/BASE]")
      .required()
      .type_name("HOST:PORT");
  app.add_option("--pccs-ca", options.pccs_ca,
                 "Certificate (PEM) that alone vouches for an https PCCS; default the system's CAs")
      .type_name("FILE");
  app.add_option(
         "--collateral-cache", options.collateral_cache,
         "Folder in which collateral outlives a restart and an absent PCCS; a key server's and "
         "a key cache's default is \"collateral\" beside what else they keep")
      .type_name("FOLDER");
  app.add_option("--root", options.root,
                 "Root certificate (PEM) to judge evidence by; default Intel's")
      .type_name("FILE");
  if (tee::built_for_simulation()) {
    app.add_option("--simtee-socket", options.simtee_socket, "The simulated platform's socket")
        .required()
        .type_name("PATH");
  }
  app.add_option("--ready-file", options.ready_file,
                 "Written once the program serves, with its port")
      .type_name("FILE");
  app.add_option("--max-connections", options.max_connections, "Connections at one time")
      .within(1, 65536)
      .show_default();
}

int run(CommandLine& app, int argc, char** argv, const std::function<Result<void>()>& body) {
  const Result<bool> called = app.parse(argc, argv);
  if (called && !*called) return 0;
  if (!called) {
    std::cerr << app.program() << ": " << called.error().message << std::endl;
    return exit_code(called.error().code);
  }
  const Result<void> done = body();
  if (done) return 0;
  StderrLog(log_name(app.program())).error(name_of(done.error().code), ": ", done.error().message);
  return exit_code(done.error().code);
}

}  // namespace torchkeep::service
