// How long a worker waits for a key, over real attested sessions on loopback: connection, evidence of
// both sides, its verification, policy, grant. "Cold" goes through the cache to the key server, whose
// grant is durably in SQLite first; "cached" is answered by the cache alone. The bare TLS connection
// of the same run is what both are compared with.
#include <benchmark/benchmark.h>

#include <thread>

#include "tests/support/fake_collateral.h"
#include "tests/support/fake_owner.h"
#include "tests/support/fake_platform.h"
#include "tests/support/files.h"
#include "tests/support/loopback.h"
#include "torchkeep/channel/ra_tls.h"
#include "torchkeep/client/key_source.h"
#include "torchkeep/crypto/digest.h"
#include "torchkeep/keycache/service.h"
#include "torchkeep/keyserver/service.h"
#include "torchkeep/keyserver/sqlite/sqlite_key_store.h"

namespace torchkeep {
namespace {

using channel::SessionParty;

// An enclave of one role on the simulated machine, serving on a thread of its own.
class Party {
 public:
  Party(const simulator::Machine& machine, std::uint8_t name, tee::Role role)
      : platform_(machine, testing::fake_enclave(name)), collateral_(machine, clock_) {
    self_ = SessionParty{.role = role,
                         .platform = &platform_,
                         .context = {},
                         .collateral = &collateral_,
                         .roots = {machine.root_key()},
                         .clock = &clock_,
                         .random = &random_};
  }

  channel::Endpoint serve(channel::HttpHandler handler) {
    const auto identity = channel::make_ra_tls_identity(platform_, random_, clock_.now()).value();
    server_ = channel::HttpServer::listen(
                  reactor_.io(), {"127.0.0.1", 0},
                  channel::TlsServerContext::create(identity.key, identity.certificate).value(), {},
                  std::move(handler), log_)
                  .value();
    return testing::loopback(server_->port());
  }
  template <typename T>
  T await(boost::asio::awaitable<T> work) {
    return reactor_.await(std::move(work));
  }
  ~Party() {
    if (server_) server_->stop();
    reactor_.stop();
  }

  SystemClock clock_;
  crypto::SystemRandom random_;
  testing::RecordingLog log_;
  testing::FakePlatform platform_;
  testing::FakeCollateral collateral_;
  SessionParty self_;

 private:
  testing::Reactor reactor_;
  std::unique_ptr<channel::HttpServer> server_;
};

// Key server, cache and worker with one registered model.
class Site {
 public:
  Site()
      : machine_(simulator::Machine::create(random_, SystemClock().now())),
        server_party_(machine_, testing::kFakeKeyServer, tee::Role::KeyServer),
        cache_party_(machine_, testing::kFakeKeyCache, tee::Role::KeyCache),
        worker_(machine_, testing::kFakeWorker, tee::Role::Worker),
        store_(keyserver::open_sqlite_key_store(folder_ / "keys.sqlite").value()),
        server_(keyserver::KeyServer::open(*store_, server_party_.platform_, trust(),
                                           server_party_.clock_, random_, server_party_.log_)
                    .value()),
        owner_(testing::FakeOwner::with_one_version(
            testing::fake_policy(crypto::sha256(machine_.root_key())), 1, server_->genesis())) {
    for (const keys::SignedStatement& statement : owner_.statements()) {
      std::optional<crypto::DataKey> key;
      if (&statement == &owner_.statements().back()) key = testing::fake_data_key(1);
      TORCHKEEP_CHECK(server_->submit(owner_.key(), {statement, std::move(key)}).ok());
    }
    server_party_.self_.context =
        keyserver::session_context(server_->genesis(), trust(), std::chrono::hours(1));
    worker_.self_.context = to_bytes(owner_.key().bytes);
    key_service_.emplace(*server_, server_party_.self_, server_party_.log_);
    key_server_at_ = server_party_.serve([this](const auto& request, auto& connection) {
      return key_service_->answer(request, connection);
    });
    empty_the_cache();
    cache_at_ = cache_party_.serve([this](const auto& request, auto& connection) {
      return cache_service_->answer(request, connection);
    });
  }

  // A cache as it is after its first start. Only between requests.
  void empty_the_cache() {
    cache_service_.reset();
    cache_.reset();
    remote_.emplace(key_server_at_, cache_party_.self_);
    sealed_.emplace(folder_ / "cache", cache_party_.platform_, cache_party_.log_);
    std::filesystem::remove_all(folder_ / "cache");
    cache_.emplace(*remote_, *sealed_, cache_party_.clock_, random_, cache_party_.log_);
    cache_service_.emplace(*cache_, cache_party_.self_, cache_party_.log_);
  }

  bool acquire() {
    client::CacheKeySource source(cache_at_, worker_.self_);
    return worker_
        .await(source.acquire({.owner = owner_.key(), .name = owner_.name(), .version = 1}, nullptr))
        .ok();
  }
  bool connect() {
    return worker_
        .await(channel::HttpClient::connect(cache_at_, channel::TlsClientContext::create().value(),
                                            std::chrono::seconds(10)))
        .ok();
  }

 private:
  keyserver::Trust trust() const { return {{crypto::sha256(machine_.root_key())}, true}; }

  testing::TemporaryFolder folder_;
  crypto::SystemRandom random_;
  simulator::Machine machine_;
  Party server_party_, cache_party_, worker_;
  std::unique_ptr<keys::KeyStore> store_;
  std::unique_ptr<keyserver::KeyServer> server_;
  testing::FakeOwner owner_;
  std::optional<keyserver::KeyService> key_service_;
  channel::Endpoint key_server_at_, cache_at_;
  std::optional<keycache::RemoteKeyServer> remote_;
  std::optional<keycache::SealedLeases> sealed_;
  std::optional<keycache::KeyCache> cache_;
  std::optional<keycache::CacheService> cache_service_;
};

void BM_KeyReleaseCold(benchmark::State& state) {
  Site site;
  for (auto _ : state) {
    state.PauseTiming();
    site.empty_the_cache();
    state.ResumeTiming();
    if (!site.acquire()) state.SkipWithError("the key was not released");
  }
}
BENCHMARK(BM_KeyReleaseCold)->Unit(benchmark::kMillisecond)->UseRealTime();

void BM_KeyReleaseCached(benchmark::State& state) {
  Site site;
  if (!site.acquire()) state.SkipWithError("the key was not released");
  for (auto _ : state) {
    if (!site.acquire()) state.SkipWithError("the key was not released");
  }
}
BENCHMARK(BM_KeyReleaseCached)->Unit(benchmark::kMillisecond)->UseRealTime();

void BM_TlsConnection(benchmark::State& state) {
  Site site;
  for (auto _ : state) {
    if (!site.connect()) state.SkipWithError("no connection");
  }
}
BENCHMARK(BM_TlsConnection)->Unit(benchmark::kMillisecond)->UseRealTime();

}  // namespace
}  // namespace torchkeep
