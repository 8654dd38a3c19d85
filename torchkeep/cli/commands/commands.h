#pragma once

#include <functional>

#include "torchkeep/base/command_line.h"
#include "torchkeep/base/file.h"
#include "torchkeep/cli/console.h"

/// The commands, one source file each. Every `add_*` puts its command under `app`; when the user
/// has called it, `invocation.run` is set to what it does.
namespace torchkeep::cli {

struct Invocation {
  Console console;
  Path owner_folder;  ///< --owner-folder
  std::string pccs;   ///< --pccs: overrides what `owner init` remembered.
  Path pccs_ca;       ///< --pccs-ca: remembered by `owner init`.
  std::function<Result<void>()> run;
  int status = 0;  ///< Exit code of a command that answers and yet found something wrong.
};

void add_owner(Command app, Invocation& invocation);
void add_policy(Command app, Invocation& invocation);
void add_protect(Command app, Invocation& invocation);
void add_inspect(Command app, Invocation& invocation);
void add_keys(Command app, Invocation& invocation);
void add_infer(Command app, Invocation& invocation);
void add_attest(Command app, Invocation& invocation);
void add_collateral(Command app, Invocation& invocation);
void add_run(Command app, Invocation& invocation);
void add_bench(Command app, Invocation& invocation);
void add_quantize(Command app, Invocation& invocation);
void add_conformance(Command app, Invocation& invocation);
void add_doctor(Command app, Invocation& invocation);
void add_demo(Command app, Invocation& invocation);

}  // namespace torchkeep::cli
