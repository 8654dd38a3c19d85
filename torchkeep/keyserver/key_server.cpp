#include "torchkeep/keyserver/key_server.h"

#include <algorithm>

namespace torchkeep::keyserver {
namespace {

std::vector<Digest256> sorted(std::vector<Digest256> roots) {
  std::sort(roots.begin(), roots.end());
  roots.erase(std::unique(roots.begin(), roots.end()), roots.end());
  return roots;
}

std::string list_of(const std::vector<Digest256>& roots) {
  std::string list;
  for (const Digest256& root : roots) list += text(list.empty() ? "" : ", ", encode_hex(root));
  return list;
}

Result<Identity> open_identity(keys::KeyStore& store, tee::Platform& platform, const Trust& trust) {
  const std::optional<Bytes> row = TRY(store.find_row(kMetaTable, as_bytes(kIdentityRow)));
  if (!row) return untrusted("deleted: row \"", kIdentityRow, "\", which holds the log key");
  Identity identity =
      TRY(unseal_identity(*row, platform).context(text("row \"", kIdentityRow, "\"")));
  if (identity.document.roots != trust.roots) {
    return untrusted("the store was begun with the roots ", list_of(identity.document.roots),
                     ", this key server is started with ", list_of(trust.roots),
                     ": start it with the same --root, or with an empty store");
  }
  return identity;
}

std::string hex_of(ByteView bytes) { return encode_hex(bytes); }

json::Json encode(std::uint64_t position, const LogEntry& entry) {
  const Grant& grant = std::get<Grant>(entry.event);
  json::Json out = {{"log_position", position},
                    {"time", format_rfc3339(entry.time)},
                    {"lease", hex_of(grant.lease)},
                    {"version", grant.version},
                    {"renewal", grant.renewal},
                    {"mr_enclave", hex_of(grant.mr_enclave)},
                    {"mr_signer", hex_of(grant.mr_signer)},
                    {"isv_prod_id", grant.isv_prod_id},
                    {"isv_svn", grant.isv_svn},
                    {"platform", hex_of(grant.platform)},
                    {"seconds", grant.seconds},
                    {"requests", grant.requests}};
  if (grant.mr_td) out["mr_td"] = hex_of(*grant.mr_td);
  return out;
}

json::Json encode(const keys::ModelChain& chain) {
  json::Json versions = json::Json::array();
  for (const auto& [number, version] : chain.versions()) {
    versions.push_back({{"version", number},
                        {"container_digest", version.container_digest.hex()},
                        {"key_id", version.key_id.hex()},
                        {"revoked", version.revoked}});
  }
  return {{"name", chain.name()},
          {"id", chain.model().hex()},
          {"head", chain.head().hex()},
          {"statements", chain.statements().size()},
          {"minimum_version", chain.minimum_version()},
          {"suspended", chain.suspended()},
          {"revoked", chain.revoked()},
          {"versions", std::move(versions)}};
}

}  // namespace

KeyServer::KeyServer(keys::KeyStore& store, tee::Platform& platform, Identity identity,
                     const Clock& clock, crypto::Random& random, Log& log)
    : platform_(platform),
      clock_(clock),
      random_(random),
      log_(log),
      identity_(std::move(identity)),
      journal_(store, identity_) {}

Result<std::unique_ptr<KeyServer>> KeyServer::open(keys::KeyStore& store, tee::Platform& platform,
                                                   const Trust& trust, const Clock& clock,
                                                   crypto::Random& random, Log& log) {
  const Trust wanted{sorted(trust.roots), trust.simulated};
  if (wanted.roots.empty())
    return invalid_argument("a key server needs a root to judge evidence by");
  if (wanted.simulated != (platform.kind() == tee::PlatformKind::Simulated)) {
    return invalid_argument(
        "a key server is either simulated or real: its platform and its trust "
        "must agree");
  }
  const bool fresh = TRY(is_empty(store));
  Identity identity = fresh ? TRY(make_identity(wanted.roots, wanted.simulated, random))
                            : TRY(open_identity(store, platform, wanted));
  Bytes identity_row;
  if (fresh) identity_row = TRY(seal_identity(identity, platform));
  std::unique_ptr<KeyServer> server(
      new KeyServer(store, platform, std::move(identity), clock, random, log));
  const MutexLock lock(server->mutex_);
  TRY(fresh ? server->begin(std::move(identity_row)) : server->replay());
  log.info(fresh ? "a new instance begins: genesis " : "genesis ", server->genesis().hex(), ", ",
           server->journal_.size(), " log entries, ", server->state_.models.size(), " models");
  return server;
}

Result<json::Json> KeyServer::list(const keys::OwnerKey& owner) {
  const MutexLock lock(mutex_);
  TRY(settle());
  json::Json models = json::Json::array();
  for (const auto& [id, model] : state_.models) {
    if (model.chain.owner() != owner) continue;
    json::Json told = encode(model.chain);
    told["log_position"] = model.newest_position;
    told["grants"] = model.grants;
    told["newest_grants"] = json::Json::array();
    for (const auto& [position, entry] : model.newest_grants) {
      told["newest_grants"].push_back(encode(position, entry));
    }
    models.push_back(std::move(told));
  }
  return json::Json{{"genesis", genesis().hex()}, {"models", std::move(models)}};
}

TimePoint KeyServer::now_in_seconds() const {
  return std::chrono::floor<std::chrono::seconds>(clock_.now());
}

Error KeyServer::for_operator(Error error) const {
  log_.error(name_of(error.code), ": ", error.message);
  switch (error.code) {
    case ErrorCode::Unavailable:
      return unavailable(
          "the key server cannot reach its store or its platform now: ask again; its "
          "operator's log says why");
    case ErrorCode::Internal: return internal_error("a defect of the key server");
    default:
      return untrusted(
          "the key server's store does not hold what its log says; its operator's log "
          "names the row");
  }
}

}  // namespace torchkeep::keyserver
