#include "torchkeep/cli/verdict.h"

#include <algorithm>

#include "torchkeep/attest/verify.h"
#include "torchkeep/crypto/digest.h"

namespace torchkeep::cli {
namespace {

constexpr std::string_view kPolicyRefused = "policy_refused";
constexpr std::string_view kRootCaCrl = "root_ca_crl";

ByteView pck_chain_of(const Dossier& dossier) {
  const auto& quote = dossier.description.quote;
  if (quote && quote->certification_type == attest::kPckChainPem) return quote->certification_data;
  return dossier.collateral.pck_chain;
}

std::vector<Document> documents_of(const Dossier& dossier) {
  if (dossier.description.tee != attest::TeeType::Snp) {
    return find_documents(dossier.collateral, pck_chain_of(dossier));
  }
  std::vector<Document> out;
  add_certificates(out, "leaf", dossier.snp.leaf);
  add_certificates(out, "ask", dossier.snp.ask);
  add_certificates(out, "ark", dossier.snp.ark);
  return out;
}

attest::Judgement judge_evidence(const Dossier& dossier) {
  if (dossier.description.tee == attest::TeeType::Snp) {
    if (dossier.require_root_crl && dossier.snp.crl.empty()) {
      return {
          malformed("crl.der: the document is missing, so a revoked certificate passes; put the "
                    "ARK's list (DER) into the folder, or leave --require-root-crl out"),
          attest::Reason::Malformed};
    }
    return attest::judge_snp_report(dossier.evidence, dossier.snp, dossier.anchor.amd, dossier.at);
  }
  const auto rule =
      dossier.require_root_crl ? attest::RootCaCrl::Wanted : attest::RootCaCrl::MayBeMissing;
  return attest::judge_quote(dossier.evidence, dossier.collateral, dossier.anchor.intel, dossier.at,
                             rule);
}

// Whether every signature was found good: only then do the documents say anything of the TCB.
bool signatures_hold(const attest::Judgement& judgement) {
  if (judgement.claims) return true;
  switch (judgement.reason.value_or(attest::Reason::Malformed)) {
    case attest::Reason::TcbNotSupported:
    case attest::Reason::TcbRevoked:
    case attest::Reason::NotYetValid:
    case attest::Reason::Expired: return true;
    default: return false;
  }
}

// Of several accepted roots, the one that vouched is told once it is known.
bool is_vendors_own(const Verdict& verdict, const Dossier& dossier) {
  if (!verdict.claims || dossier.anchor.intel.empty()) return dossier.anchor.vendors_own;
  return verdict.claims->root_key_hash() == crypto::sha256(attest::intel_root_key());
}

void add_warnings(Verdict& verdict, const Dossier& dossier) {
  if (!verdict.vendors_own_root) {
    verdict.warnings.push_back(text(
        "The root of trust is not ",
        dossier.description.tee == attest::TeeType::Snp ? "one of AMD's that this program knows"
                                                        : "Intel's",
        ": it was taken from ", dossier.anchor.origin,
        ". Whoever made that file vouches for this verdict, and nobody else does."));
  }
  for (const std::string& name : dossier.missing) {
    if (name == kRootCaCrl) {
      verdict.warnings.push_back(
          "root_ca_crl.der is missing: whether a CA was revoked could not be seen. No key is "
          "released on such evidence; --require-root-crl refuses it here too.");
    } else {
      verdict.warnings.push_back(
          text(name, ".der is missing: whether a certificate was revoked could not be seen."));
    }
  }
  if (dossier.description.debug()) {
    verdict.warnings.push_back(
        "It may be debugged: its host can read and change its memory. No policy accepts that.");
  }
}

}  // namespace

std::string Verdict::final_reason() const {
  if (!claims) return reason;
  return accepted() ? "" : std::string(kPolicyRefused);
}

std::string Verdict::final_message() const {
  if (!claims || accepted()) return message;
  const auto failed = std::ranges::find(policy->clauses, false, &attest::Clause::held);
  return attest::to_error({failed->name, failed->found, failed->wanted, failed->way_out}).message;
}

Verdict judge(const Dossier& dossier) {
  Verdict out;
  if (dossier.evidence_fault || !dossier.description.tee) {
    out.reason = attest::name_of(attest::Reason::Malformed);
    out.message = dossier.evidence_fault ? dossier.evidence_fault->message
                                         : text("quote: ", dossier.description.malformed);
    return out;
  }
  attest::Judgement judgement = judge_evidence(dossier);
  if (judgement.claims) {
    out.claims = std::move(judgement.claims).value();
  } else {
    out.reason = attest::name_of(judgement.reason.value_or(attest::Reason::Malformed));
    out.message = judgement.claims.error().message;
  }
  if (signatures_hold(judgement)) out.tcb = find_tcb(dossier.description, dossier.collateral);
  out.documents = documents_of(dossier);
  if (!out.documents.empty()) out.window = common_period(out.documents);
  out.expired = expired_at(out.documents, dossier.at);
  out.not_yet_valid = not_yet_valid_at(out.documents, dossier.at);
  out.vendors_own_root = is_vendors_own(out, dossier);
  add_warnings(out, dossier);
  return out;
}

void appraise(Verdict& verdict, const Dossier& dossier, const keys::Policy& policy,
              keys::HolderRole role) {
  if (!verdict.claims) return;
  verdict.policy = check_policy(policy, role, *verdict.claims, dossier.at);
  // What decides on a key never does without this list, so neither does what foretells it.
  const bool missing = std::ranges::find(dossier.missing, kRootCaCrl) != dossier.missing.end();
  if (!missing) return;
  verdict.policy->clauses.push_back(
      {"collateral.root_ca_crl", false, "none", "the root CA's list of revoked certificates",
       "add root_ca_crl.der to the folder: torchkeep collateral fetch"});
}

}  // namespace torchkeep::cli
