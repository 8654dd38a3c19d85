#pragma once

#include <functional>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include "torchkeep/attest/verify.h"
#include "torchkeep/channel/session.h"

#include "tests/support/fake_clock.h"
#include "tests/support/fake_platform.h"
#include "tests/support/recording_log.h"

/// Attested sessions without sockets: both ends in one process, with somebody in between who may
/// change what passes.
namespace torchkeep::testing {

namespace asio = boost::asio;

/// One machine's collateral, made once. *Thread-safe.*
class StandingCollateral final : public channel::CollateralSource {
 public:
  explicit StandingCollateral(attest::Collateral collateral)
      : collateral_(std::make_shared<const attest::Collateral>(std::move(collateral))) {}
  asio::awaitable<Result<std::shared_ptr<const attest::Collateral>>> fetch(
      attest::CollateralKey) override {
    co_return collateral_;
  }

 private:
  std::shared_ptr<const attest::Collateral> collateral_;
};

class AbsentCollateral final : public channel::CollateralSource {
 public:
  asio::awaitable<Result<std::shared_ptr<const attest::Collateral>>> fetch(
      attest::CollateralKey) override {
    co_return unavailable("no collateral here");
  }
};

class DirectConnection final : public channel::Connection {
 public:
  explicit DirectConnection(std::optional<channel::TlsFacts> facts) : facts_(std::move(facts)) {}
  const channel::TlsFacts* tls() const override { return facts_ ? &*facts_ : nullptr; }

 private:
  std::optional<channel::TlsFacts> facts_;
};

/// Hands each request straight to a server's half of the session.
class DirectClient final : public channel::HttpClient {
 public:
  using Answer = std::function<asio::awaitable<channel::HttpResponse>(
      const channel::HttpRequest& request, channel::Connection& connection)>;
  DirectClient(std::optional<channel::TlsFacts> client, std::optional<channel::TlsFacts> server,
               Answer answer)
      : facts_(std::move(client)), connection(std::move(server)), answer_(std::move(answer)) {}

  const channel::TlsFacts* tls() const override { return facts_ ? &*facts_ : nullptr; }
  asio::awaitable<Result<channel::HttpResponse>> send(channel::HttpRequest request) override {
    if (on_request) on_request(request);
    auto response = co_await answer_(request, connection);
    if (on_response) on_response(request, response);
    co_return response;
  }

 private:
  std::optional<channel::TlsFacts> facts_;

 public:
  DirectConnection connection;
  std::function<void(channel::HttpRequest&)> on_request;
  std::function<void(const channel::HttpRequest&, channel::HttpResponse&)> on_response;

 private:
  Answer answer_;
};

// g++ 12 inlines asio's operator new of a coroutine, but not the delete beside it, and finds that
// odd.
#pragma GCC diagnostic ignored "-Wmismatched-new-delete"

template <typename T>
asio::awaitable<void> keep_result(asio::awaitable<T> work, std::optional<T>& slot) {
  slot.emplace(co_await std::move(work));
}

/// Runs `work` on this thread until it is done.
template <typename T>
T run(asio::io_context& io, asio::awaitable<T> work) {
  std::optional<T> out;
  asio::co_spawn(io, keep_result(std::move(work), out), [](const std::exception_ptr& fault) {
    if (fault) std::rethrow_exception(fault);
  });
  io.restart();
  io.run();
  return std::move(*out);
}

template <typename T>
T run(asio::awaitable<T> work) {
  asio::io_context io;
  return run(io, std::move(work));
}

/// One simulated machine and the enclaves on it.
struct World {
  using Role = tee::Role;

  testing::FakeClock clock;
  crypto::SystemRandom random;
  simulator::Machine machine = simulator::Machine::create(random, clock.now());
  StandingCollateral collateral{machine.collateral(clock.now())};
  FakePlatform key_server{machine, fake_enclave(0x11, 0x5401)};
  FakePlatform key_cache{machine, fake_enclave(0x22, 0x5402)};
  FakePlatform worker{machine, fake_enclave(0x33, 0x5403)};
  crypto::Ed25519PrivateKey owner_key = crypto::Ed25519PrivateKey::generate(random);
  testing::RecordingLog log;
  asio::io_context io;  // one for thousands of sessions

  channel::SessionParty party(Role role, tee::Platform* platform, Bytes context = {}) {
    return {.role = role,
            .platform = platform,
            .context = std::move(context),
            .collateral = &collateral,
            .roots = {machine.root_key()},
            .clock = &clock,
            .random = &random};
  }
  channel::SessionParty key_server_party() { return party(Role::KeyServer, &key_server, {7, 7}); }
  channel::SessionParty key_cache_party() { return party(Role::KeyCache, &key_cache); }
  channel::SessionParty worker_party() { return party(Role::Worker, &worker, {9}); }
  channel::SessionParty client_party() { return party(Role::Client, nullptr); }
  channel::SessionParty owner_party() {
    channel::SessionParty self = party(Role::Owner, nullptr);
    self.owner_key = &owner_key;
    return self;
  }

  /// What TLS tells the two ends of one new connection.
  struct Ends {
    channel::TlsFacts client;
    channel::TlsFacts server;
  };
  Ends new_connection() {
    Ends ends;
    ends.client.own_spki = ends.server.peer_spki = to_bytes(random.array<91>());
    ends.client.peer_spki = ends.server.own_spki = to_bytes(random.array<91>());
    ends.client.exporter = ends.server.exporter = random.array<32>();
    return ends;
  }
  /// A client on a new connection to `server`, which outlives it.
  DirectClient connect(const channel::SessionParty& server) {
    Ends ends = new_connection();
    return DirectClient(ends.client, ends.server, answer_of(server));
  }
  DirectClient::Answer answer_of(const channel::SessionParty& server) {
    return
        [this, &server](const channel::HttpRequest& request,
                        channel::Connection& connection) -> asio::awaitable<channel::HttpResponse> {
          auto answer = co_await channel::answer_session(server, request, connection, log);
          if (answer) co_return std::move(*answer);
          co_return channel::text_response(404, "text/plain", "nothing here");
        };
  }
  Result<channel::AttestedPeer> attest(const channel::SessionParty& self, Role expected,
                                       channel::HttpClient& client) {
    return run(io, channel::attest_session(self, expected, client));
  }
  std::shared_ptr<const channel::AttestedPeer> peer_of(const DirectClient& client) {
    return channel::find_peer(client.connection, clock.now());
  }
};

}  // namespace torchkeep::testing
