#include <thread>

#include "torchkeep/client/inference_client.h"
#include "torchkeep/crypto/digest.h"
#include "torchkeep/worker/http_api.h"

#include "tests/support/fake_collateral.h"
#include "tests/support/fake_platform.h"
#include "tests/support/loopback.h"
#include "tests/worker/fixture.h"

namespace torchkeep::worker {
namespace {

/// A worker on a loopback port, with TLS and evidence of a simulated machine.
struct Network : Worker {
  explicit Network(std::size_t max_queue = 64) : Worker(policy()) {
    const Path place = folder / "resnet50/1";
    std::filesystem::create_directories(place);
    EXPECT_TRUE(store_file(place / "model.tkm", as_bytes("x")));
    EXPECT_TRUE(
        store_file(place / "config.json", as_bytes(text("{\"max_queue\":", max_queue, "}"))));
    EXPECT_TRUE(host.rescan());
    run_until([this] { return host.ready(); });
    server = channel::HttpServer::listen(
                 io, testing::loopback(0), testing::make_server_tls(), limits(),
                 [this](const channel::HttpRequest& request, channel::Connection& connection) {
                   return api.answer(request, connection);
                 },
                 log)
                 .value();
    serving = std::thread([this] { io.run(); });
  }
  ~Network() {
    server->stop();
    guard.reset();
    serving.join();
    io.restart();
  }
  static channel::HttpLimits limits() {
    channel::HttpLimits limits;
    limits.idle = std::chrono::seconds(5);
    return limits;
  }
  static simulator::Machine& machine() {
    static crypto::SystemRandom random;
    static simulator::Machine one = simulator::Machine::create(random, testing::FakeClock().now());
    return one;
  }
  static keys::Policy policy() {
    keys::Policy policy = testing::fake_policy(crypto::sha256(machine().root_key()));
    policy.any_client = true;
    return policy;
  }
  channel::SessionParty party(tee::Role role, tee::Platform* as, Bytes context) {
    return {.role = role,
            .platform = as,
            .context = std::move(context),
            .collateral = &collateral,
            .roots = {machine().root_key()},
            .clock = &clock,
            .random = &random};
  }
  channel::Endpoint endpoint() const { return testing::loopback(server->port()); }

  crypto::SystemRandom random;
  testing::FakeCollateral collateral{machine(), clock};
  testing::FakePlatform platform{machine(), testing::fake_enclave(testing::kFakeWorker, 0x5403)};
  ModelHost host{folder.path(), bench};
  HttpApi api{host, bench, party(tee::Role::Worker, &platform, to_bytes(owner.key().bytes))};
  std::unique_ptr<channel::HttpServer> server;
  std::thread serving;
};

channel::HttpRequest infer_request() {
  return {"POST",
          "/v2/models/resnet50/infer",
          {},
          testing::body_of(
              R"({"inputs":[{"name":"x","datatype":"FP32","shape":[1,2],"data":[1.5,-2]}]})")};
}

asio::awaitable<unsigned> ask_plainly(channel::Endpoint endpoint) {
  auto tls = channel::TlsClientContext::create();
  auto http = co_await channel::HttpClient::connect(endpoint, *tls, std::chrono::seconds(10));
  if (!http) co_return 0;
  auto response = co_await (*http)->send(infer_request());
  co_return response ? response->status : 0;
}

using Outputs = Result<client::InferAnswer>;

/// Attests the worker, then asks it.
Outputs ask_attested(testing::Reactor& reactor, Network& worker, const keys::OwnerKey& owner) {
  const auto client = TRY(reactor.await(client::InferenceClient::connect(
      worker.endpoint(), worker.party(tee::Role::Client, nullptr, {}),
      {owner, Network::policy()})));
  std::vector<client::Tensor> inputs;
  inputs.push_back({"x", "FP32", {1, 2}, SecretBuffer(8, 0)});
  return reactor.await(client->infer("resnet50", 1, std::move(inputs)));
}

TEST(Network, ServesAPlainClient) {
  Network worker;
  testing::Reactor reactor;
  EXPECT_EQ(reactor.await(ask_plainly(worker.endpoint())), 200u);
}

TEST(Network, ServesAClientThatAttestsIt) {
  Network worker;
  testing::Reactor reactor;
  const Outputs outputs = ask_attested(reactor, worker, worker.owner.key());
  ASSERT_TRUE(outputs) << outputs.error();
  ASSERT_EQ(outputs->outputs.size(), 1u);
  EXPECT_EQ(outputs->outputs[0].name, "y");
  EXPECT_EQ(outputs->outputs[0].data.size(), 8u);
}

TEST(Network, IsNotTakenForAnotherOwnersWorker) {
  Network worker;
  testing::Reactor reactor;
  const Outputs outputs = ask_attested(reactor, worker, testing::fake_owner_key(9).public_key());
  ASSERT_FALSE(outputs);
  EXPECT_EQ(outputs.error().code, ErrorCode::Untrusted);
  EXPECT_EQ(worker.engines->runs, 0);
}

TEST(Network, AnswersManyClientsAtOnce) {
  Network worker;
  testing::Reactor reactor(2);
  std::vector<std::future<unsigned>> answers;
  for (int i = 0; i < 40; ++i) answers.push_back(reactor.start(ask_plainly(worker.endpoint())));
  for (auto& answer : answers) EXPECT_EQ(answer.get(), 200u);
  EXPECT_EQ(worker.engines->runs, 40);
}

TEST(Network, RefusesClearlyWhenItsQueueIsFull) {
  Network worker(2);
  std::promise<void> gate;
  worker.engines->gate = gate.get_future().share();
  testing::Reactor reactor(2);
  auto first = reactor.start(ask_plainly(worker.endpoint()));
  auto second = reactor.start(ask_plainly(worker.endpoint()));
  // Each of these is answered at once, or it is one of the two that wait.
  std::vector<std::future<unsigned>> more;
  for (int i = 0; i < 6; ++i) more.push_back(reactor.start(ask_plainly(worker.endpoint())));
  unsigned refused = 0;
  const auto count = [&](std::future<unsigned>& answer) { refused += answer.get() == 503 ? 1 : 0; };
  std::vector<std::future<unsigned>*> all{&first, &second};
  for (auto& answer : more) all.push_back(&answer);
  std::vector<std::future<unsigned>*> waiting;
  const auto end = std::chrono::steady_clock::now() + 20s;
  while (refused < 6 && std::chrono::steady_clock::now() < end) {
    waiting.clear();
    for (auto* answer : all) {
      if (answer->wait_for(5ms) == std::future_status::ready)
        count(*answer);
      else
        waiting.push_back(answer);
    }
    all = waiting;
  }
  EXPECT_EQ(refused, 6u);
  gate.set_value();
  ASSERT_EQ(all.size(), 2u);
  for (auto* answer : all) EXPECT_EQ(answer->get(), 200u);
}

TEST(Network, IsNotHeldUpByAClientThatSendsNothing) {
  Network worker;
  testing::RawPeer silent(worker.server->port());
  silent.send("\x16\x03\x01");  // The beginning of a TLS record, and then no more.
  testing::Reactor reactor;
  EXPECT_EQ(reactor.await(ask_plainly(worker.endpoint())), 200u);
}

}  // namespace
}  // namespace torchkeep::worker
