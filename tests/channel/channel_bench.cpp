// How long a request and an attested session take over loopback.
#include <benchmark/benchmark.h>

#include "torchkeep/channel/ra_tls.h"

#include "tests/channel/session_world.h"
#include "tests/support/loopback.h"

namespace torchkeep::channel {
namespace {

constexpr std::chrono::seconds kPatience{10};

/// A server on a thread of its own, and the benchmark's thread as its client.
struct Bench {
  explicit Bench(bool with_tls) {
    auto identity =
        std::move(make_ra_tls_identity(world.key_server, world.random, world.clock.now())).value();
    auto tls =
        with_tls ? TlsServerContext::create(identity.key, identity.certificate).value() : nullptr;
    server = std::move(HttpServer::listen(
                           reactor.io(), testing::loopback(0), std::move(tls),
                           {.max_body_bytes = std::size_t{32} << 20},
                           [this](const HttpRequest& request,
                                  Connection& connection) -> asio::awaitable<HttpResponse> {
                             auto session =
                                 co_await answer_session(party, request, connection, world.log);
                             if (session) co_return std::move(*session);
                             co_return text_response(200, "text/plain", "ok");
                           },
                           world.log))
                 .value();
  }
  ~Bench() { reactor.stop(); }

  testing::World world;
  SessionParty party = world.key_server_party();
  testing::Reactor reactor;
  std::unique_ptr<HttpServer> server;
};

/// The benchmark's own loop, so that a client lives on it through all requests.
template <typename Work>
void run_loop(Work work) {
  asio::io_context io;
  asio::co_spawn(io, work(), [](const std::exception_ptr& fault) { TORCHKEEP_CHECK(!fault); });
  io.run();
}

void round_trips(benchmark::State& state, bool with_tls) {
  Bench bench(with_tls);
  const auto size = static_cast<std::size_t>(state.range(0));
  auto tls = with_tls ? TlsClientContext::create().value() : nullptr;
  run_loop([&]() -> asio::awaitable<void> {
    auto client =
        co_await HttpClient::connect(testing::loopback(bench.server->port()), tls, kPatience);
    TORCHKEEP_CHECK(client.ok());
    const SecretBuffer body(size);
    for (auto _ : state) {
      HttpRequest request{"POST", "/", {}, body};
      auto response = co_await (*client)->send(std::move(request));
      TORCHKEEP_CHECK(response.ok() && response->status == 200);
    }
  });
  state.SetBytesProcessed(static_cast<std::int64_t>(size) * state.iterations());
}

void HttpInClear(benchmark::State& state) { round_trips(state, false); }
void HttpOverTls(benchmark::State& state) { round_trips(state, true); }
BENCHMARK(HttpInClear)->Arg(100)->Arg(1 << 20)->Arg(15 << 20)->UseRealTime();
BENCHMARK(HttpOverTls)->Arg(100)->Arg(1 << 20)->Arg(15 << 20)->UseRealTime();

void TlsHandshake(benchmark::State& state) {
  Bench bench(true);
  const auto tls = TlsClientContext::create().value();
  run_loop([&]() -> asio::awaitable<void> {
    for (auto _ : state) {
      auto client =
          co_await HttpClient::connect(testing::loopback(bench.server->port()), tls, kPatience);
      TORCHKEEP_CHECK(client.ok());
    }
  });
}
BENCHMARK(TlsHandshake)->UseRealTime()->Unit(benchmark::kMicrosecond);

void AttestedSession(benchmark::State& state) {
  Bench bench(true);
  const auto tls = TlsClientContext::create().value();
  const SessionParty self = bench.world.key_cache_party();
  for (auto _ : state) {
    run_loop([&]() -> asio::awaitable<void> {
      auto client =
          co_await HttpClient::connect(testing::loopback(bench.server->port()), tls, kPatience);
      TORCHKEEP_CHECK(client.ok());
      auto peer = co_await attest_session(self, tee::Role::KeyServer, **client);
      TORCHKEEP_CHECK(peer.ok());
    });
  }
}
BENCHMARK(AttestedSession)->UseRealTime()->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace torchkeep::channel
