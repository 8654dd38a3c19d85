// Granting leases: the one place from which a DEK leaves.
#include <algorithm>

#include "torchkeep/keyserver/key_server.h"

namespace torchkeep::keyserver {
namespace {

constexpr std::size_t kMaxPlatformBytes = 64;

/// A lease ends with the policy's own end, whatever its length.
std::uint64_t lease_seconds(const keys::Policy& policy, TimePoint now) {
  if (!policy.not_after) return policy.lease_seconds;
  const auto left = std::chrono::ceil<std::chrono::seconds>(*policy.not_after - now).count();
  return std::min(policy.lease_seconds,
                  static_cast<std::uint64_t>(std::max<decltype(left)>(left, 1)));
}

Grant grant_to(const attest::Claims& cache, const keys::ModelChain& chain, std::uint64_t version) {
  Grant grant;
  grant.model = chain.model();
  grant.version = version;
  if (const attest::SgxEnclave* const enclave = cache.find_enclave()) {
    grant.mr_enclave = enclave->mr_enclave;
    grant.mr_signer = enclave->mr_signer;
    grant.isv_prod_id = enclave->isv_prod_id;
    grant.isv_svn = enclave->isv_svn;
  }
  if (const attest::TdReport* const td = cache.find_trust_domain()) grant.mr_td = td->mr_td;
  grant.platform = cache.platform_instance();
  return grant;
}

}  // namespace

Result<keys::Release> KeyServer::release(const attest::Claims& cache,
                                         const keys::ReleaseRequest& request) {
  const MutexLock lock(mutex_);
  return release_locked(cache, request)
      .context(text(request.renewal ? "renewing" : "releasing", " \"", request.name, "\" version ",
                    request.version, " of owner ", keys::hex(request.owner), " to cache ",
                    to_text(cache.attested())));
}

Result<keys::Release> KeyServer::release_locked(const attest::Claims& cache,
                                                const keys::ReleaseRequest& request) {
  TRY(settle());
  TRY(keys::check_model_name(request.name));
  const auto found = state_.models.find(keys::model_id(request.owner, request.name));
  if (found == state_.models.end()) return not_found("no such model is registered here");
  Model& model = found->second;
  const keys::ModelChain::Version version = TRY(model.chain.releasable(request.version));
  // The host may turn its clock back, but not behind what this owner has signed. Kept apart for
  // each model, so that no owner moves another owner's time.
  const TimePoint now = std::max(clock_.now(), model.chain.newest_time());
  const keys::Policy& policy = model.chain.policy();
  TRY(keys::appraise_holder(policy, keys::HolderRole::Cache, cache, now));
  if (cache.platform_instance().size() > kMaxPlatformBytes) {
    return denied("the platform instance has ", cache.platform_instance().size(),
                  " bytes, at most ", kMaxPlatformBytes, " are logged");
  }

  keys::Release release;
  if (!request.renewal) {
    auto data_key = load_data_key(model, request.version, version);
    if (!data_key) return for_operator(std::move(data_key).error());
    release.data_key = std::move(data_key).value();
  }
  release.statements = model.chain.statements();
  release.lease.id = random_.array<16>();
  release.lease.nonce = request.nonce;
  release.lease.seconds = lease_seconds(policy, now);
  release.lease.requests = policy.lease_requests;

  Grant grant = grant_to(cache, model.chain, request.version);
  grant.lease = release.lease.id;
  grant.renewal = request.renewal;
  grant.seconds = release.lease.seconds;
  grant.requests = release.lease.requests;
  const LogEntry entry{.time = now_in_seconds(), .event = std::move(grant), .rows = {}};
  // Durable before the DEK leaves: a release that the log does not know has not happened.
  const auto position = journal_.append(entry, {});
  if (!position) return for_operator(Error(position.error()).context("writing a grant"));
  take_in(model, *position, entry);
  release.lease.log_position = *position;
  return release;
}

Result<crypto::DataKey> KeyServer::load_data_key(const Model& model, std::uint64_t version,
                                                 const keys::ModelChain::Version& known) {
  const keys::ModelChain& chain = model.chain;
  const Bytes sealed_kek = TRY(journal_.load_row(kOwnerTable, chain.owner().bytes));
  const Bytes wrapped = TRY(journal_.load_row(kKeyTable, key_row_id(chain.model(), version)));
  const DataKeyOwner belongs{.genesis = genesis(),
                             .owner = chain.owner(),
                             .model = chain.model(),
                             .version = version,
                             .container_digest = known.container_digest,
                             .statement = known.statement};
  return unwrap_data_key(platform_, sealed_kek, belongs, wrapped);
}

}  // namespace torchkeep::keyserver
