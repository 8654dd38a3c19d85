#include "torchkeep/client/key_source.h"

namespace torchkeep::client {
namespace {

constexpr std::chrono::seconds kConnectTimeout{10};
// A release with the longest chain of statements; a peer that has not proved itself cannot make us
// hold more.
constexpr channel::HttpClientLimits kLimits{.max_body_bytes = std::size_t{32} << 20};

}  // namespace

Result<keys::ReleasedKey> judge_cache_release(keys::Release release,
                                              const keys::ReleaseRequest& request,
                                              const channel::AttestedPeer& cache,
                                              const crypto::DataKey* held, TimePoint now) {
  if (cache.role != tee::Role::KeyCache || !cache.claims) {
    return untrusted("the peer did not prove to be a key cache");
  }
  // The genesis is in every statement of the chain, under the owner's signature; the cache has held
  // it against the key server's own.
  keys::ReleasedKey key =
      TRY(keys::open_release(std::move(release), request, std::nullopt, held).context("release"));
  TRY(keys::appraise_holder(key.chain().policy(), keys::HolderRole::Cache, *cache.claims, now)
          .context("appraising the key cache"));
  return key;
}

asio::awaitable<Result<keys::ReleasedKey>> CacheKeySource::acquire(keys::ReleaseRequest request,
                                                                   const crypto::DataKey* held) {
  const std::string where = text("key cache at ", cache_.text());
  if (request.renewal != (held != nullptr)) {
    co_return invalid_argument("a renewal needs the DEK in hand, and only a renewal");
  }
  if (!equal(request.owner.bytes, self_.context)) {
    co_return invalid_argument("a worker asks for the keys of the one owner it serves");
  }
  request.nonce = self_.random->array<32>();
  auto tls = channel::TlsClientContext::create();
  if (!tls) co_return std::move(tls).error().context(where);
  auto http = co_await channel::HttpClient::connect(cache_, std::move(tls).value(), kConnectTimeout,
                                                    kLimits);
  if (!http) co_return std::move(http).error().context(where);
  auto peer = co_await channel::attest_session(self_, tee::Role::KeyCache, **http);
  if (!peer) co_return std::move(peer).error().context(where);

  const Bytes encoded = keys::encode(request);
  channel::HttpRequest asked{.method = "POST",
                             .target = std::string(keys::kReleasePath),
                             .headers = {},
                             .body = SecretBuffer(encoded.begin(), encoded.end())};
  auto response = co_await (*http)->send(std::move(asked));
  if (!response) co_return std::move(response).error().context(where);
  if (response->status != 200) {
    co_return keys::parse_refusal(response->status, response->body).context(where);
  }
  auto release = keys::parse_release(response->body);
  if (!release) co_return std::move(release).error().context(where);
  auto key =
      judge_cache_release(std::move(release).value(), request, *peer, held, self_.clock->now());
  if (!key) co_return std::move(key).error().context(where);
  co_return std::move(key).value();
}

}  // namespace torchkeep::client
