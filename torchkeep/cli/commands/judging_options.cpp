#include "torchkeep/cli/commands/judging_options.h"

namespace torchkeep::cli {

void add_judging_options(Command command, JudgingOptions& options, Folder folder) {
  DossierOptions& dossier = options.dossier;
  command
      .add_option("QUOTE", dossier.quote,
                  "A quote or an SEV-SNP report: binary, hex or base64; - reads standard input")
      .required()
      .type_name("FILE");
  const CommandOption collateral =
      command
          .add_option("--collateral", dossier.folder,
                      "Folder with tcb_info.json, qe_identity.json, their issuer chains, "
                      "pck_crl.der, root_ca_crl.der; for SEV-SNP leaf.der, ask.pem, ark.pem")
          .type_name("FOLDER");
  if (folder == Folder::Required) collateral.required();
  command
      .add_option("--at", dossier.at,
                  "The time to judge at, as 2026-11-24T18:00:00Z; now if left out")
      .type_name("RFC3339");
  command
      .add_option(
          "--root", dossier.root,
          "The root of trust: a certificate (PEM), or \"intel\" or \"amd\" for the vendor's "
          "own; default the folder's root_ca.pem (ark.pem), else the vendor's own")
      .type_name("FILE");
  command.add_flag("--require-root-crl", dossier.require_root_crl,
                   "Reject where root_ca_crl.der is missing, as all that release keys do");
  command.add_option("--role", options.role, "With a policy: worker, keycache or keyserver")
      .show_default();
}

Result<Judged> judge_offline(const JudgingOptions& options) {
  const keys::HolderRole role = TRY(parse_holder_role(options.role));
  std::optional<keys::Policy> policy;
  if (!options.policy.empty()) policy = TRY(load_policy_file(options.policy));
  Judged out{TRY(load_dossier(options.dossier)), {}};
  out.verdict = judge(out.dossier);
  if (policy) appraise(out.verdict, out.dossier, *policy, role);
  return out;
}

}  // namespace torchkeep::cli
