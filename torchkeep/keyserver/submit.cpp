// Taking in what owners state.
#include <algorithm>

#include "torchkeep/attest/appraise.h"
#include "torchkeep/keyserver/key_server.h"

namespace torchkeep::keyserver {
namespace {

struct Subject {
  keys::OwnerKey owner;
  std::string name;
};

/// Whose model a statement says that it is about. Trusts nothing: the chain verifies it.
Result<Subject> parse_subject(const keys::SignedStatement& statement) {
  const json::Json value = TRY(json::parse_canonical(as_text(statement.body)));
  auto reader = TRY(json::ObjectReader::open(value, "statement"));
  const std::string owner = TRY(reader.take_string("owner"));
  Subject subject{TRY(keys::parse_owner_key(owner)), TRY(reader.take_string("name"))};
  return subject;
}

/// The version that a chain's newest statement brought, if it is one that brings a version.
std::optional<std::uint64_t> find_new_version(const keys::ModelChain& chain) {
  const StatementHash newest = chain.head();
  for (const auto& [number, version] : chain.versions()) {
    if (version.statement == newest) return number;
  }
  return std::nullopt;
}

}  // namespace

Result<keys::Receipt> KeyServer::submit(const keys::OwnerKey& session_owner,
                                        const keys::Submission& submission) {
  const MutexLock lock(mutex_);
  return submit_locked(session_owner, submission);
}

Result<keys::Receipt> KeyServer::submit_locked(const keys::OwnerKey& session_owner,
                                               const keys::Submission& submission) {
  TRY(settle());
  const Subject subject = TRY(parse_subject(submission.statement));
  if (subject.owner != session_owner) {
    return denied("the statement is of owner ", keys::hex(subject.owner),
                  ", this session is of owner ", keys::hex(session_owner),
                  ": connect with the key that signed it");
  }
  const StatementHash hash = keys::hash_of(submission.statement);
  const auto known = state_.models.find(keys::model_id(subject.owner, subject.name));
  const Model* model = known == state_.models.end() ? nullptr : &known->second;
  // The answer to the first attempt may have been lost.
  if (model != nullptr && model->chain.head() == hash) {
    return keys::Receipt{model->newest_position, hash};
  }

  const auto about = [&] { return text("model \"", subject.name, "\""); };
  const keys::ModelChain chain = TRY(extend(model, submission.statement).context(about()));
  TRY(check_policy(chain.policy()).context(about()));
  TRY(check_data_key(chain, submission).context(about()));
  auto rows = rows_for(chain, submission);
  if (!rows) return for_operator(std::move(rows).error());

  LogEntry entry{.time = now_in_seconds(), .event = Stated{chain.model(), hash}, .rows = {}};
  const auto position = journal_.append(std::move(entry), std::move(rows).value());
  if (!position) return for_operator(Error(position.error()).context("writing a statement"));
  take_in(state_, *position, chain);
  log_.info("statement ", chain.next_sequence() - 1, " about model \"", chain.name(),
            "\" of owner ", keys::hex(chain.owner()), " is log entry ", *position);
  return keys::Receipt{*position, hash};
}

Result<keys::ModelChain> KeyServer::extend(const Model* model,
                                           const keys::SignedStatement& statement) const {
  if (model != nullptr) {
    keys::ModelChain chain = model->chain;
    TRY(chain.append(statement));
    return chain;
  }
  keys::ModelChain chain = TRY(keys::ModelChain::verify({statement}));
  if (chain.genesis() != genesis()) {
    return untrusted("the statement is for the key server of genesis ", chain.genesis().hex(),
                     ", this one is ", genesis().hex(), ": check the address, or pin this one");
  }
  return chain;
}

Result<void> KeyServer::check_policy(const keys::Policy& policy) const {
  const auto kind = [](bool simulated) { return simulated ? "true" : "false"; };
  if (policy.platform.simulated != identity_.document.simulated) {
    return attest::to_error({.clause = "platform.simulated",
                             .found = kind(policy.platform.simulated),
                             .wanted = kind(identity_.document.simulated),
                             .way_out = "use a key server of the same kind as the policy"});
  }
  const auto& ours = identity_.document.roots;
  for (const Digest256& root : policy.platform.roots) {
    if (std::find(ours.begin(), ours.end(), root) != ours.end()) continue;
    std::string wanted = "one of";
    for (const Digest256& known : ours) wanted += text(' ', encode_hex(known));
    return attest::to_error({.clause = "platform.roots",
                             .found = encode_hex(root),
                             .wanted = std::move(wanted),
                             .way_out = "this key server judges no evidence under that root; name "
                                        "only roots that it was begun with"});
  }
  return {};
}

Result<void> KeyServer::check_data_key(const keys::ModelChain& chain,
                                       const keys::Submission& submission) {
  const std::optional<std::uint64_t> version = find_new_version(chain);
  if (!version) {
    if (!submission.data_key) return {};
    return invalid_argument("a DEK came with a statement that brings no version: send it without");
  }
  if (!submission.data_key) {
    return invalid_argument("version ", *version,
                            " came without its DEK: it is in the recovery file "
                            "that protect wrote");
  }
  const KeyId stated = chain.versions().at(*version).key_id;
  const KeyId found = keys::key_id(submission.data_key->expose());
  if (found != stated) {
    return untrusted("version ", *version, ": the DEK's key id is ", found.hex(),
                     ", the statement names ", stated.hex(), ": this is another container's DEK");
  }
  // Whose it was is not said. Only who holds the DEK itself can ask, since its id was just checked.
  if (state_.key_ids.contains(found)) {
    return denied("version ", *version,
                  ": this key server has seen this DEK before: protect the "
                  "model anew, every container needs a DEK of its own");
  }
  return {};
}

Result<std::vector<keys::StoreChange::Row>> KeyServer::rows_for(
    const keys::ModelChain& chain, const keys::Submission& submission) {
  std::vector<keys::StoreChange::Row> rows;
  const std::string statement = json::encode_canonical(keys::encode(submission.statement));
  rows.push_back(
      {std::string(kStatementTable), to_bytes(chain.head().bytes), to_bytes(as_bytes(statement))});
  Bytes sealed_kek;
  if (state_.owners.contains(chain.owner())) {
    sealed_kek = TRY(journal_.load_row(kOwnerTable, chain.owner().bytes));
  } else {
    sealed_kek = TRY(make_sealed_kek(platform_, random_, genesis(), chain.owner()));
    rows.push_back({std::string(kOwnerTable), to_bytes(chain.owner().bytes), sealed_kek});
  }
  if (const auto version = find_new_version(chain)) {
    const DataKeyOwner belongs{.genesis = genesis(),
                               .owner = chain.owner(),
                               .model = chain.model(),
                               .version = *version,
                               .container_digest = chain.versions().at(*version).container_digest,
                               .statement = chain.head()};
    Bytes wrapped =
        TRY(wrap_data_key(platform_, random_, sealed_kek, belongs, *submission.data_key));
    rows.push_back(
        {std::string(kKeyTable), key_row_id(chain.model(), *version), std::move(wrapped)});
  }
  return rows;
}

}  // namespace torchkeep::keyserver
