#include "torchkeep/cli/commands/judging_options.h"
#include "torchkeep/cli/explain.h"
#include "torchkeep/cli/verdict_text.h"

namespace torchkeep::cli {
namespace {

Result<void> tell(Invocation& invocation, const JudgingOptions& options, Detail detail) {
  const Judged judged = TRY(judge_offline(options));
  show(invocation.console, judged.verdict, judged.dossier, detail);
  invocation.console.answer(encode(judged.verdict, judged.dossier));
  if (!judged.verdict.accepted()) invocation.status = kRejected;
  return {};
}

// Without collateral nothing can be proven, yet much can be said.
Result<void> explain_alone(Invocation& invocation, const JudgingOptions& options) {
  auto evidence = load_evidence(options.dossier.quote);
  if (!evidence) {
    // As for a quote that is cut short: no evidence, not a wrong call.
    if (evidence.error().code != ErrorCode::Malformed) return std::move(evidence).error();
    return untrusted(evidence.error().message);
  }
  const SelfDescription description = describe(*evidence, {});
  explain(invocation.console, description, *evidence, options.dossier.quote);
  invocation.console.answer(encode_explanation(description, *evidence));
  if (!description.malformed.empty()) invocation.status = kRejected;
  return {};
}

}  // namespace

void add_attest_verify(Command attest, Invocation& invocation) {
  const Command command =
      attest.add_command("verify", "Judge a quote by collateral in a folder, without a network");
  command.footer(
      "Example: torchkeep attest verify quote.bin --collateral collateral/ --at "
      "2026-11-24T18:00:00Z --policy policy.json\n"
      "Exit codes: 0 verified, 1 rejected, 2 wrong call (a file that is not there, a time that is "
      "none).");
  auto options = std::make_shared<JudgingOptions>();
  add_judging_options(command, *options, Folder::Required);
  command
      .add_option("--policy", options->policy,
                  "A policy that the evidence must also satisfy, as torchkeep policy new writes it")
      .type_name("FILE");
  command.callback([&invocation, options] {
    invocation.run = [&invocation, options] { return tell(invocation, *options, Detail::Short); };
  });
}

void add_attest_explain(Command attest, Invocation& invocation) {
  const Command command = attest.add_command(
      "explain", "Say what a quote says, who made it and what it takes to believe it");
  command.footer(
      "Example: torchkeep attest explain quote.bin\n"
      "         torchkeep attest explain quote.bin --collateral collateral/ --at "
      "2026-11-24T18:00:00Z");
  auto options = std::make_shared<JudgingOptions>();
  add_judging_options(command, *options, Folder::Optional);
  command
      .add_option("--policy", options->policy,
                  "With --collateral: also say how it fares under a policy")
      .type_name("FILE");
  command.callback([&invocation, options] {
    invocation.run = [&invocation, options]() -> Result<void> {
      if (!options->dossier.folder.empty()) return tell(invocation, *options, Detail::EveryPart);
      if (options->policy.empty()) return explain_alone(invocation, *options);
      return invalid_argument(
          "--policy needs --collateral FOLDER beside it: a policy is about what is proven");
    };
  });
}

}  // namespace torchkeep::cli
