#include <algorithm>

#include "torchkeep/base/text.h"
#include "torchkeep/keys/internal/statement_body.h"
#include "torchkeep/keys/statement.h"

namespace torchkeep::keys {
namespace {

/// The statement, once its owner's signature holds.
Result<Statement> open_statement(const SignedStatement& signed_statement) {
  Statement statement = TRY(internal::parse_body(signed_statement.body));
  TRY(crypto::verify_ed25519(statement.owner, internal::signed_bytes(signed_statement.body),
                             signed_statement.signature)
          .context(text("statement ", statement.sequence, ": the owner's signature")));
  return statement;
}

/// Where a statement stands: for this chain, and right behind its newest statement.
Result<void> check_link(const ModelChain& chain, const Statement& statement,
                        const SignedStatement& signed_statement) {
  if (statement.owner != chain.owner() || statement.name != chain.name()) {
    return untrusted("statement ", statement.sequence, " is for model \"", statement.name,
                     "\" of owner ", hex(statement.owner), ", this chain is model \"", chain.name(),
                     "\" of owner ", hex(chain.owner()));
  }
  if (statement.genesis != chain.genesis()) {
    return untrusted("statement ", statement.sequence, " is for the key server with genesis ",
                     statement.genesis.hex(), ", this model is at ", chain.genesis().hex());
  }
  const auto& known = chain.statements();
  if (statement.sequence < known.size() &&
      hash_of(known[statement.sequence]) == hash_of(signed_statement)) {
    return denied("statement ", statement.sequence, " was taken in before");
  }
  if (statement.sequence != chain.next_sequence()) {
    return denied("statement ", statement.sequence, " is out of order: the next one is ",
                  chain.next_sequence(), "; sign anew after reading the model's state");
  }
  if (statement.previous != chain.head()) {
    return untrusted("statement ", statement.sequence, " follows ", statement.previous.hex(),
                     ", the newest statement here is ", chain.head().hex());
  }
  return {};
}

Result<void> check_new_version(const ModelChain& chain, const Statement& statement) {
  if (chain.versions().contains(statement.version)) {
    return denied("version ", statement.version, " exists already: give the container a new one");
  }
  if (statement.version < chain.minimum_version()) {
    return denied("version ", statement.version, " is below the minimum, ", chain.minimum_version(),
                  ": it could never be released");
  }
  for (const auto& [number, version] : chain.versions()) {
    if (version.key_id == statement.key_id) {
      return denied("version ", statement.version, " has the key of version ", number,
                    ": every container has a key of its own; protect the model again");
    }
  }
  return {};
}

Result<void> check_revocation(const ModelChain& chain, const Statement& statement) {
  if (statement.version == 0) return {};
  const auto version = chain.versions().find(statement.version);
  if (version == chain.versions().end()) {
    return denied("version ", statement.version, " does not exist, so it cannot be revoked");
  }
  if (version->second.revoked) return denied("version ", statement.version, " is revoked already");
  return {};
}

/// Whether a statement says something that can be said of the chain as it is.
Result<void> check_sense(const ModelChain& chain, const Statement& statement) {
  if (chain.revoked()) {
    return denied("the model was revoked by its owner; nothing can follow: register another name");
  }
  switch (statement.kind) {
    case StatementKind::Register: return denied("the model is registered already");
    case StatementKind::Version: return check_new_version(chain, statement);
    case StatementKind::Policy:
      if (statement.policy->platform.simulated != chain.policy().platform.simulated) {
        return denied("a model is either simulated or real: its policy cannot turn it");
      }
      return {};
    case StatementKind::Minimum:
      if (statement.version < chain.minimum_version()) {
        return denied("minimum version ", statement.version, " is below the present one, ",
                      chain.minimum_version(), ": a minimum only rises");
      }
      return {};
    case StatementKind::Suspend:
      if (chain.suspended()) return denied("the model is suspended already");
      return {};
    case StatementKind::Resume:
      if (!chain.suspended()) return denied("the model is not suspended");
      return {};
    case StatementKind::Revoke: return check_revocation(chain, statement);
  }
  return malformed("a statement of no known kind");
}

}  // namespace

Result<ModelChain> ModelChain::verify(const std::vector<SignedStatement>& statements) {
  if (statements.empty()) return malformed("a model's chain has at least one statement");
  const Statement first = TRY(open_statement(statements.front()));
  if (first.kind != StatementKind::Register) {
    return denied("a chain begins with \"register\", this one with \"", name_of(first.kind), "\"");
  }
  if (first.sequence != 0) {
    return denied("a chain begins with statement 0, this one with ", first.sequence);
  }
  if (!first.previous.is_zero()) return untrusted("statement 0 follows none, this one names one");
  ModelChain chain;
  chain.owner_ = first.owner;
  chain.name_ = first.name;
  chain.genesis_ = first.genesis;
  chain.policy_ = *first.policy;
  chain.newest_time_ = first.time;
  chain.statements_.push_back(statements.front());
  for (std::size_t i = 1; i < statements.size(); ++i) TRY(chain.append(statements[i]));
  return chain;
}

Result<void> ModelChain::append(const SignedStatement& signed_statement) {
  const Statement statement = TRY(open_statement(signed_statement));
  TRY(check_link(*this, statement, signed_statement));
  TRY(check_sense(*this, statement));
  switch (statement.kind) {
    case StatementKind::Register: break;  // refused above
    case StatementKind::Version:
      versions_[statement.version] = {.container_digest = statement.container_digest,
                                      .key_id = statement.key_id,
                                      .statement = hash_of(signed_statement)};
      break;
    case StatementKind::Policy: policy_ = *statement.policy; break;
    case StatementKind::Minimum: minimum_version_ = statement.version; break;
    case StatementKind::Suspend: suspended_ = true; break;
    case StatementKind::Resume: suspended_ = false; break;
    case StatementKind::Revoke:
      if (statement.version == 0) {
        revoked_ = true;
      } else {
        versions_.at(statement.version).revoked = true;
      }
      break;
  }
  statements_.push_back(signed_statement);
  newest_time_ = std::max(newest_time_, statement.time);
  return {};
}

Result<ModelChain::Version> ModelChain::releasable(std::uint64_t version) const {
  if (revoked_) return denied("model \"", name_, "\" was revoked by its owner, for good");
  if (suspended_) {
    return denied("model \"", name_, "\" is suspended by its owner, who can resume it");
  }
  const auto found = versions_.find(version);
  if (found == versions_.end()) {
    return not_found("model \"", name_, "\" has no version ", version,
                     "; its owner registers one with \"torchkeep keys register\"");
  }
  if (found->second.revoked) {
    return denied("version ", version, " of model \"", name_,
                  "\" was revoked by its owner; deploy another version");
  }
  if (version < minimum_version_) {
    return denied("version ", version, " of model \"", name_, "\" is below the owner's minimum, ",
                  minimum_version_, "; deploy that or a newer one");
  }
  return found->second;
}

}  // namespace torchkeep::keys
