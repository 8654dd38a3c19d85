#include "torchkeep/cli/conformance.h"

#include <map>

#include "torchkeep/base/process.h"
#include "torchkeep/base/thread_pool.h"
#include "torchkeep/cli/commands/commands.h"

namespace torchkeep::cli {
namespace {

struct Options {
  std::vector<Path> folders;
  int threads = static_cast<int>(usable_cores());
};

/// What a run of the suite comes to.
struct Tally {
  json::Json passed = json::Json::array(), refused = json::Json::array(),
             failed = json::Json::array();
  std::map<std::string, std::size_t> refusals;  ///< How many cases each operator, or reason, costs.

  void add(const std::string& name, const Outcome& outcome) {
    switch (outcome.kind) {
      case Outcome::Kind::Passed: passed.push_back(name); return;
      case Outcome::Kind::Refused:
        refused.push_back(
            {{"case", name}, {"operator", outcome.operator_name}, {"reason", outcome.reason}});
        ++refusals[outcome.operator_name];
        return;
      case Outcome::Kind::Failed:
        failed.push_back({{"case", name}, {"difference", outcome.reason}});
        return;
    }
  }
};

void tell(const Console& console, const Tally& tally) {
  console.line("passed ", tally.passed.size(), ", refused ", tally.refused.size(), ", failed ",
               tally.failed.size());
  for (const auto& [name, count] : tally.refusals) console.line("  refused ", count, "  ", name);
  for (const json::Json& each : tally.failed) {
    console.line("  FAILED  ", each["case"].get<std::string>(), ": ",
                 each["difference"].get<std::string>());
  }
  console.answer({{"passed", tally.passed}, {"refused", tally.refused}, {"failed", tally.failed}});
}

Result<void> check_conformance(Invocation& invocation, const Options& options) {
  std::vector<Path> cases;
  for (const Path& folder : options.folders) {
    const std::vector<Path> found = TRY(find_cases(folder));
    cases.insert(cases.end(), found.begin(), found.end());
  }
  Tally tally;
  {
    Progress progress("checking", cases.size());
    for (const Path& folder : cases) {
      tally.add(folder.filename().string(), run_case_isolated(folder, options.threads));
      progress.advance(1);
    }
  }
  tell(invocation.console, tally);
  if (!tally.failed.empty()) invocation.status = exit_code(ErrorCode::Untrusted);
  return {};
}

}  // namespace

void add_conformance(Command app, Invocation& invocation) {
  const Command command =
      app.add_command("conformance", "Run ONNX's conformance cases and compare the answers");
  command.footer(
      "A case is a folder with model.onnx and test_data_set_*/{input,output}_*.pb. A model that "
      "the engine\n"
      "does not take is refused, with the operator; a wrong answer, or a crash, has failed.\n"
      "Exit codes: 0 none failed, 1 some failed, 2 wrong call.\n"
      "Example: torchkeep conformance /usr/share/libonnx-testdata/data/node");
  auto options = std::make_shared<Options>();
  command.add_option("FOLDER", options->folders, "Where cases are, at any depth; may be repeated")
      .required()
      .type_name("FOLDER");
  command.add_option("--threads", options->threads, "That a run may use")
      .within(1, 256)
      .show_default();
  run_when_called(command, invocation, options, check_conformance);
}

}  // namespace torchkeep::cli
