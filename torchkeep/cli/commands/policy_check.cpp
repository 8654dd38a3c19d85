#include "torchkeep/cli/policy_check.h"

#include "torchkeep/cli/commands/judging_options.h"
#include "torchkeep/cli/verdict_text.h"

namespace torchkeep::cli {
namespace {

Result<void> check(Invocation& invocation, const JudgingOptions& options) {
  const Judged judged = TRY(judge_offline(options));
  const Verdict& verdict = judged.verdict;
  const Console& console = invocation.console;
  if (verdict.policy) {
    show(console, *verdict.policy);
    for (const std::string& warning : verdict.warnings) {
      console.line("  ", console.painted(Tone::Warning, "WARNING"), ": ", warning);
    }
  } else {
    // A policy is about what is proven.
    show(console, verdict, judged.dossier, Detail::Short);
    console.line("The policy was not looked at: a policy is about what is proven.");
  }
  console.answer(encode(verdict, judged.dossier));
  if (!verdict.accepted()) invocation.status = kRejected;
  return {};
}

}  // namespace

void add_policy_check(Command policy, Invocation& invocation) {
  const Command command =
      policy.add_command("check", "Hold a quote against a policy, clause by clause");
  command.footer(
      "Example: torchkeep policy check policy.json quote.bin --collateral collateral/ --role "
      "worker\n"
      "Exit codes: 0 every clause holds, 1 one does not or the quote is rejected, 2 wrong call.");
  auto options = std::make_shared<JudgingOptions>();
  command.add_option("POLICY", options->policy, "The policy, as torchkeep policy new writes it")
      .required()
      .type_name("FILE");
  add_judging_options(command, *options, Folder::Required);
  run_when_called(command, invocation, options, check);
}

}  // namespace torchkeep::cli
