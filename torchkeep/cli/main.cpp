#include <iostream>

#include "torchkeep/base/process.h"
#include "torchkeep/base/version.h"
#include "torchkeep/cli/commands/commands.h"
#include "torchkeep/tee/platform.h"

/// torchkeep: what a model's owner types.
int main(int argc, char** argv) {
  using namespace torchkeep;
  harden_process(Debuggers::Forbidden);
  cli::Invocation invocation;
  CommandLine app{"Keeps a PyTorch model secret where it runs.", "torchkeep"};
  app.require_command();
  app.allow_options_anywhere();
  app.version(text("torchkeep ", kVersion,
                   tee::built_for_simulation() ? " (simulated platform only)" : ""));
  app.add_flag("--json", invocation.console.json, "Answer with one JSON document, for scripts");
  app.add_option("--owner-folder", invocation.owner_folder, "The owner's folder")
      .from_environment("TORCHKEEP_OWNER_FOLDER")
      .type_name("FOLDER");
  app.add_option("--pccs", invocation.pccs,
                 "Where attestation collateral is served: HOST:PORT or https://HOST[:PORT][/BASE]")
      .from_environment("TORCHKEEP_PCCS")
      .type_name("HOST:PORT");
  app.add_option("--pccs-ca", invocation.pccs_ca,
                 "Certificate (PEM) that alone vouches for an https PCCS; remembered by owner init")
      .type_name("FILE");
  app.footer(
      "Exit codes: 0 done, 1 refused, 2 wrong call or input, 3 not found, 4 not reachable now, 5 "
      "defect.\n"
      "A first look: torchkeep demo");

  cli::add_owner(app, invocation);
  cli::add_policy(app, invocation);
  cli::add_protect(app, invocation);
  cli::add_inspect(app, invocation);
  cli::add_keys(app, invocation);
  cli::add_infer(app, invocation);
  cli::add_attest(app, invocation);
  cli::add_collateral(app, invocation);
  cli::add_run(app, invocation);
  cli::add_bench(app, invocation);
  cli::add_quantize(app, invocation);
  cli::add_conformance(app, invocation);
  cli::add_doctor(app, invocation);
  cli::add_demo(app, invocation);

  const Result<bool> called = app.parse(argc, argv);
  if (called && !*called) return 0;
  const Result<void> done = called ? invocation.run() : called.error();
  if (done) return invocation.status;
  invocation.console.failure(done.error());
  return exit_code(done.error().code);
}
