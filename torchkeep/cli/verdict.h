#pragma once

#include "torchkeep/cli/documents.h"
#include "torchkeep/cli/dossier.h"
#include "torchkeep/cli/policy_check.h"
#include "torchkeep/cli/tcb_findings.h"

/// A verdict on evidence, with all that a person or a script may ask about it.
namespace torchkeep::cli {

struct Verdict {
  /// Present if the evidence is genuine and current.
  std::optional<attest::Claims> claims;
  std::string reason;   ///< One word, as the vectors spell it; empty if verified.
  std::string message;  ///< The same for people, naming the document.
  /// Where all but the time holds; of the parts, and of the whole, as if time were waived.
  std::optional<TcbFindings> tcb;
  std::vector<Document> documents;
  /// The time in which all documents are current; empty if none could be read.
  std::optional<Period> window;
  std::vector<std::string> expired;        ///< Names of documents, at the time of judging.
  std::vector<std::string> not_yet_valid;  ///< The same.
  bool vendors_own_root = false;      ///< The root that vouches is the vendor's, as we know it.
  std::vector<std::string> warnings;  ///< What a reader must know before believing it.
  /// Against a policy, if one was given and the evidence is verified.
  std::optional<PolicyFindings> policy;

  bool accepted() const { return claims && (!policy || policy->holds()); }
  /// `reason`, or "policy_refused" where only the policy says no; empty if accepted.
  std::string final_reason() const;
  /// `message`, or the first clause that does not hold.
  std::string final_message() const;
};

Verdict judge(const Dossier& dossier);

/// Appraises a verified verdict; one that is not stays as it is.
void appraise(Verdict& verdict, const Dossier& dossier, const keys::Policy& policy,
              keys::HolderRole role);

}  // namespace torchkeep::cli
