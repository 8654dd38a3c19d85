#pragma once

#include <CLI/CLI.hpp>
#include <functional>

#include "torchkeep/base/file.h"
#include "torchkeep/cli/console.h"

/// The commands, one source file each. Every `add_*` puts its command under `app`; when the user has
/// called it, `invocation.run` is set to what it does.
namespace torchkeep::cli {

struct Invocation {
  Console console;
  Path owner_folder;   ///< --owner-folder
  std::string pccs;    ///< --pccs: overrides what `owner init` remembered.
  Path pccs_ca;        ///< --pccs-ca: remembered by `owner init`.
  std::function<Result<void>()> run;
  int status = 0;      ///< Exit code of a command that answers and yet found something wrong.
};

void add_owner(CLI::App& app, Invocation& invocation);
void add_policy(CLI::App& app, Invocation& invocation);
void add_protect(CLI::App& app, Invocation& invocation);
void add_inspect(CLI::App& app, Invocation& invocation);
void add_keys(CLI::App& app, Invocation& invocation);
void add_infer(CLI::App& app, Invocation& invocation);
void add_attest(CLI::App& app, Invocation& invocation);
void add_collateral(CLI::App& app, Invocation& invocation);
void add_run(CLI::App& app, Invocation& invocation);
void add_bench(CLI::App& app, Invocation& invocation);
void add_quantize(CLI::App& app, Invocation& invocation);
void add_conformance(CLI::App& app, Invocation& invocation);
void add_doctor(CLI::App& app, Invocation& invocation);
void add_demo(CLI::App& app, Invocation& invocation);

}  // namespace torchkeep::cli
