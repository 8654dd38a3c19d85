#pragma once

#include "torchkeep/cli/commands/commands.h"
#include "torchkeep/cli/policy_check.h"
#include "torchkeep/cli/verdict.h"

/// What the commands that judge a quote without a network have in common.
namespace torchkeep::cli {

struct JudgingOptions {
  DossierOptions dossier;
  Path policy;
  std::string role = "worker";
};

/// QUOTE and --collateral, --at, --root, --require-root-crl, --role. `options` outlives the
/// command.
enum class Folder { Required, Optional };
void add_judging_options(Command command, JudgingOptions& options, Folder folder);

/// A verdict and what it was made from.
struct Judged {
  Dossier dossier;
  Verdict verdict;
};
/// Gathers, judges, and appraises if there is a policy; wrong policies are told first.
/// Errors: InvalidArgument.
Result<Judged> judge_offline(const JudgingOptions& options);

/// Exit code of evidence that was judged and found wanting.
inline constexpr int kRejected = 1;

// The commands, each under the command group it belongs to.
void add_attest_verify(Command attest, Invocation& invocation);
void add_attest_explain(Command attest, Invocation& invocation);
void add_policy_check(Command policy, Invocation& invocation);

}  // namespace torchkeep::cli
