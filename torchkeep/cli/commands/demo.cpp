#include <cerrno>
#include <cstring>

#include <unistd.h>

#include "torchkeep/cli/commands/commands.h"

namespace torchkeep::cli {
namespace {

// The story is told by a script that starts the real programs, beside the sources or as installed.
Result<Path> find_script(const Path& given) {
  std::error_code failure;
  const Path program = std::filesystem::read_symlink("/proc/self/exe", failure);
  if (failure) return unavailable("cannot tell where this program is: ", failure.message());
  const Path bin = program.parent_path();
  for (const Path& candidate :
       {given, bin / "../../../demo/run.py", bin / "../share/torchkeep/demo/run.py"}) {
    if (!candidate.empty() && std::filesystem::exists(candidate, failure))
      return candidate.lexically_normal();
  }
  return not_found(
      "the demo's script is not beside this program; name it with --script demo/run.py");
}

Result<void> run_demo(const Path& given) {
  const std::string script = TRY(find_script(given)).string();
  std::string python = "/usr/bin/python3", bin_option = "--programs";
  std::error_code failure;
  std::string bin = std::filesystem::read_symlink("/proc/self/exe", failure).parent_path().string();
  std::string argument = script;
  char* const arguments[] = {python.data(), argument.data(), bin_option.data(), bin.data(),
                             nullptr};
  execv(python.c_str(), arguments);
  return unavailable("cannot start ", python, ": ", std::strerror(errno), "; install python3");
}

}  // namespace

void add_demo(Command app, Invocation& invocation) {
  const Command command = app.add_command(
      "demo", "The whole path on this machine, with real models, on a simulated platform");
  command.footer(
      "Example: torchkeep demo\nNeeds Debian's python3-torch, python3-torchvision and "
      "dataset-fashion-mnist.");
  auto script = std::make_shared<Path>();
  command.add_option("--script", *script, "The demo's script, if it is not found by itself")
      .type_name("FILE");
  command.callback(
      [&invocation, script] { invocation.run = [script] { return run_demo(*script); }; });
}

}  // namespace torchkeep::cli
