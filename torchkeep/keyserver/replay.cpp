// The key server's state, rebuilt from its log.
#include "torchkeep/keyserver/key_server.h"

namespace torchkeep::keyserver {
namespace {

constexpr std::size_t kNewestGrants = 16;

}  // namespace

Result<void> KeyServer::begin(Bytes identity_row) {
  LogEntry entry{.time = now_in_seconds(), .event = Began{genesis()}, .rows = {}};
  std::vector<keys::StoreChange::Row> rows;
  rows.push_back(
      {std::string(kMetaTable), to_bytes(as_bytes(kIdentityRow)), std::move(identity_row)});
  TRY(journal_.append(std::move(entry), std::move(rows)).context("beginning a new key server"));
  return {};
}

Result<void> KeyServer::replay() {
  const std::vector<LogEntry> entries = TRY(journal_.load());
  State state;
  for (std::uint64_t position = 0; position < entries.size(); ++position) {
    TRY(replay(state, position, entries[position]).context(text("log entry ", position)));
  }
  state_ = std::move(state);
  return {};
}

Result<void> KeyServer::replay(State& state, std::uint64_t position, const LogEntry& entry) {
  const Began* began = std::get_if<Began>(&entry.event);
  if ((began != nullptr) != (position == 0)) {
    return untrusted("an instance begins with entry 0, and nowhere else");
  }
  if (began != nullptr) {
    if (began->genesis == genesis()) return {};
    return untrusted("it begins genesis ", began->genesis.hex(), ", not ", genesis().hex());
  }
  if (const Stated* stated = std::get_if<Stated>(&entry.event)) {
    return replay(state, position, *stated);
  }
  const auto granted = state.models.find(std::get<Grant>(entry.event).model);
  if (granted == state.models.end())
    return untrusted("it grants a model that was never registered");
  take_in(granted->second, position, entry);
  return {};
}

// Our own log says that the statement was good once; it is verified again all the same, since its
// signature is worth more than our word.
Result<void> KeyServer::replay(State& state, std::uint64_t position, const Stated& stated) {
  const Bytes row = TRY(journal_.load_row(kStatementTable, stated.statement.bytes));
  const json::Json value = TRY(json::parse_canonical(as_text(row)));
  const keys::SignedStatement statement = TRY(keys::parse_signed_statement(value));
  if (keys::hash_of(statement) != stated.statement) {
    return untrusted("it names another statement than its row holds");
  }
  const auto known = state.models.find(stated.model);
  const keys::ModelChain chain =
      TRY(extend(known == state.models.end() ? nullptr : &known->second, statement));
  if (chain.model() != stated.model) return untrusted("it names another model than its statement");
  take_in(state, position, chain);
  return {};
}

Result<void> KeyServer::settle() {
  if (journal_.in_doubt()) behind_log_ = true;
  if (!behind_log_) return {};
  const auto replayed = replay();
  if (!replayed) {
    return for_operator(Error(replayed.error()).context("after a write of unknown outcome"));
  }
  behind_log_ = false;
  log_.warning("a write of unknown outcome is settled: the log has ", journal_.size(), " entries");
  return {};
}

void KeyServer::take_in(State& state, std::uint64_t position, const keys::ModelChain& chain) {
  state.owners.insert(chain.owner());
  for (const auto& [number, version] : chain.versions()) state.key_ids.insert(version.key_id);
  const auto known = state.models.find(chain.model());
  if (known == state.models.end()) {
    state.models.emplace(chain.model(), Model{chain, position, 0, {}});
    return;
  }
  known->second.chain = chain;
  known->second.newest_position = position;
}

void KeyServer::take_in(Model& model, std::uint64_t position, const LogEntry& grant) {
  ++model.grants;
  model.newest_grants.emplace_back(position, grant);
  if (model.newest_grants.size() > kNewestGrants) model.newest_grants.pop_front();
}

}  // namespace torchkeep::keyserver
