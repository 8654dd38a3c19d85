#include <memory>

#include "torchkeep/simtee/commands/commands.h"
#include "torchkeep/simtee/state_folder.h"

// The commands about a machine's state folder, whether the machine runs or not.
namespace torchkeep::simtee {
namespace {

Result<void> tell_root(const Invocation& invocation, const Path& folder) {
  const StateFolder state(folder);
  TRY(state.load_machine());
  const Path certificate = std::filesystem::absolute(state.root_certificate());
  // The file has to be there too: it is written a moment after the machine.
  TRY(load_file(certificate, std::size_t{64} * 1024));
  invocation.tell({{"certificate", certificate.string()}}, certificate.string());
  return {};
}

Result<void> change_condition(const Invocation& invocation, const Path& folder,
                              const std::string& word) {
  const simulator::Condition condition = TRY(parse_condition(word));
  TRY(StateFolder(folder).store_condition(condition));
  invocation.tell({{"condition", word}},
                  text("the machine in ", folder.string(), " is now ", word));
  return {};
}

void add_state(Command command, const std::shared_ptr<Path>& folder) {
  command.add_option("--state", *folder, "The machine's folder").required().type_name("FOLDER");
}

}  // namespace

void add_root(Command app, Invocation& invocation) {
  const Command command = app.add_command("root", "Where the machine's root certificate is");
  command.footer("Example: torchkeep-simtee root --state /var/tmp/simtee");
  const auto folder = std::make_shared<Path>();
  add_state(command, folder);
  run_when_called(command, invocation, folder, tell_root);
}

void add_condition(Command app, Invocation& invocation) {
  const Command command = app.add_command(
      "condition",
      "What is wrong with a machine: good, tcb-out-of-date, pck-revoked or collateral-expired");
  command.footer(
      "Example: torchkeep-simtee condition --state /var/tmp/simtee pck-revoked\n"
      "A machine that runs heeds it at the next request for collateral.");
  const auto folder = std::make_shared<Path>();
  const auto word = std::make_shared<std::string>();
  add_state(command, folder);
  command.add_option("CONDITION", *word, "good, tcb-out-of-date, pck-revoked or collateral-expired")
      .required();
  command.callback([&invocation, folder, word] {
    invocation.run = [&invocation, folder, word] {
      return change_condition(invocation, *folder, *word);
    };
  });
}

}  // namespace torchkeep::simtee
