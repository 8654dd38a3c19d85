#include "torchkeep/base/text.h"
#include "torchkeep/keys/messages.h"

namespace torchkeep::keys {
namespace {

/// Where a chain does not verify, its owner has not said no: somebody shows us something else.
Result<ModelChain> verify_chain(const std::vector<SignedStatement>& statements) {
  auto chain = ModelChain::verify(statements);
  if (chain) return chain;
  Error error = std::move(chain).error().context("the owner's statements");
  if (error.code == ErrorCode::Denied) error.code = ErrorCode::Untrusted;
  return error;
}

Result<void> check_answers(const Release& release, const ModelChain& chain,
                           const ReleaseRequest& request, const std::optional<Genesis>& genesis) {
  if (release.lease.nonce != request.nonce) {
    return untrusted("the lease does not carry the nonce of this request: it answers another one");
  }
  if (chain.owner() != request.owner || chain.name() != request.name) {
    return untrusted("asked for model \"", request.name, "\" of owner ", hex(request.owner),
                     ", the statements are about \"", chain.name(), "\" of owner ",
                     hex(chain.owner()));
  }
  if (genesis && chain.genesis() != *genesis) {
    return untrusted("the owner's statements are for the key server with genesis ",
                     chain.genesis().hex(), ", this one has ", genesis->hex());
  }
  return {};
}

/// A holder counts its own lease down, so it must not count from more than the owner signed.
Result<void> check_lease(const Lease& lease, const Policy& policy) {
  if (lease.seconds > policy.lease_seconds) {
    return untrusted("the lease lasts ", lease.seconds, " s, the owner's policy allows ",
                     policy.lease_seconds);
  }
  const bool counted = policy.lease_requests != 0;
  if (counted && (lease.requests == 0 || lease.requests > policy.lease_requests)) {
    return untrusted("the lease allows ",
                     lease.requests == 0 ? std::string("any number of") : text(lease.requests),
                     " requests, the owner's policy ", policy.lease_requests);
  }
  return {};
}

/// The DEK of the answer, else the one in hand. Which one it is, its key id says.
Result<crypto::DataKey> take_data_key(std::optional<crypto::DataKey> released,
                                      const crypto::DataKey* held, bool renewal) {
  if (released) return std::move(*released);
  if (!renewal) return untrusted("the release carries no key, and none is held");
  if (held == nullptr) return invalid_argument("a renewal needs the key that is held");
  return held->clone();
}

}  // namespace

Result<ReleasedKey> open_release(Release release, const ReleaseRequest& request,
                                 const std::optional<Genesis>& genesis,
                                 const crypto::DataKey* held) {
  ModelChain chain = TRY(verify_chain(release.statements));
  TRY(check_answers(release, chain, request, genesis));
  const ModelChain::Version version = TRY(chain.releasable(request.version));
  TRY(check_lease(release.lease, chain.policy()));
  crypto::DataKey data_key = TRY(take_data_key(std::move(release.data_key), held, request.renewal));
  const KeyId id = key_id(data_key.expose());
  if (id != version.key_id) {
    return untrusted("the key of version ", request.version, " has key id ", id.hex(),
                     ", its owner signed ", version.key_id.hex());
  }
  return ReleasedKey(std::move(data_key), version.container_digest, release.lease,
                     std::move(chain));
}

}  // namespace torchkeep::keys
