#include "torchkeep/client/inference_client.h"

namespace torchkeep::client {
namespace {

constexpr std::chrono::seconds kConnectTimeout{10};

}  // namespace

Result<void> judge_worker(const channel::AttestedPeer& worker, const WorkerExpectation& expected,
                          TimePoint now) {
  if (worker.role != tee::Role::Worker || !worker.claims) {
    return untrusted("the peer did not prove to be a worker");
  }
  if (!equal(worker.context, expected.owner.bytes)) {
    return untrusted("this worker serves the models of owner ", encode_hex(worker.context),
                     ", not of ", encode_hex(expected.owner.bytes));
  }
  return keys::appraise_holder(expected.policy, keys::HolderRole::Worker, *worker.claims, now)
      .context("appraising the worker");
}

asio::awaitable<Result<std::unique_ptr<InferenceClient>>> InferenceClient::connect(
    channel::Endpoint endpoint, channel::SessionParty self, WorkerExpectation expected) {
  const std::string where = text("worker at ", endpoint.text());
  auto tls = channel::TlsClientContext::create();
  if (!tls) co_return std::move(tls).error().context(where);
  auto http =
      co_await channel::HttpClient::connect(endpoint, std::move(tls).value(), kConnectTimeout);
  if (!http) co_return std::move(http).error().context(where);
  auto peer = co_await channel::attest_session(self, tee::Role::Worker, **http);
  if (!peer) co_return std::move(peer).error().context(where);
  auto client = open(std::move(http).value(), std::move(peer).value(), expected, *self.clock);
  if (!client) co_return std::move(client).error().context(where);
  co_return std::move(client).value();
}

Result<std::unique_ptr<InferenceClient>> InferenceClient::open(
    std::unique_ptr<channel::HttpClient> http, channel::AttestedPeer peer,
    const WorkerExpectation& expected, const Clock& clock) {
  TRY(judge_worker(peer, expected, clock.now()));
  return std::unique_ptr<InferenceClient>(
      new InferenceClient(std::move(http), std::move(peer), clock));
}

asio::awaitable<Result<channel::HttpResponse>> InferenceClient::ask(channel::HttpRequest request) {
  if (clock_.now() >= peer_.until) {
    co_return unavailable("the attested session is over: connect anew");
  }
  auto response = co_await http_->send(std::move(request));
  if (!response) co_return std::move(response).error().context("asking the worker");
  co_return std::move(response).value();
}

asio::awaitable<Result<InferAnswer>> InferenceClient::infer(std::string model,
                                                            std::uint64_t version,
                                                            std::vector<Tensor> inputs,
                                                            Callee callee) {
  auto request = encode_infer_request(model, version, inputs, callee);
  if (!request) co_return std::move(request).error();
  auto response = co_await ask(std::move(request).value());
  if (!response) co_return std::move(response).error();
  auto answer = parse_infer_response(*response);
  if (!answer) co_return std::move(answer).error().context(text("model \"", model, "\""));
  co_return std::move(answer).value();
}

asio::awaitable<Result<ModelDescription>> InferenceClient::describe(std::string model,
                                                                    std::uint64_t version) {
  auto request = encode_describe_request(model, version);
  if (!request) co_return std::move(request).error();
  auto response = co_await ask(std::move(request).value());
  if (!response) co_return std::move(response).error();
  auto description = parse_description(*response);
  if (!description) {
    co_return std::move(description).error().context(text("model \"", model, "\""));
  }
  co_return std::move(description).value();
}

}  // namespace torchkeep::client
