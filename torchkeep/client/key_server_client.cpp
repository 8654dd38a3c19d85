#include "torchkeep/client/key_server_client.h"

#include "torchkeep/keys/genesis.h"

namespace torchkeep::client {
namespace {

constexpr std::chrono::seconds kConnectTimeout{10};
// A release with the longest chain of statements; a peer that has not proved itself cannot make us
// hold more.
constexpr channel::HttpClientLimits kLimits{.max_body_bytes = std::size_t{32} << 20};

}  // namespace

asio::awaitable<Result<std::unique_ptr<KeyServerClient>>> KeyServerClient::connect(
    channel::Endpoint endpoint, channel::SessionParty self, std::optional<Genesis> pinned) {
  const std::string where = text("key server at ", endpoint.text());
  auto tls = channel::TlsClientContext::create();
  if (!tls) co_return std::move(tls).error().context(where);
  auto http = co_await channel::HttpClient::connect(endpoint, std::move(tls).value(),
                                                    kConnectTimeout, kLimits);
  if (!http) co_return std::move(http).error().context(where);
  auto peer = co_await channel::attest_session(self, tee::Role::KeyServer, **http);
  if (!peer) co_return std::move(peer).error().context(where);
  auto client = open(std::move(http).value(), std::move(peer).value(), pinned, *self.clock);
  if (!client) co_return std::move(client).error().context(where);
  co_return std::move(client).value();
}

Result<std::unique_ptr<KeyServerClient>> KeyServerClient::open(
    std::unique_ptr<channel::HttpClient> http, channel::AttestedPeer peer,
    std::optional<Genesis> pinned, const Clock& clock) {
  if (peer.role != tee::Role::KeyServer || !peer.claims) {
    return untrusted("the peer did not prove to be a key server");
  }
  const Genesis genesis =
      TRY(keys::parse_keyserver_context(peer.context).context("session context"));
  if (pinned && *pinned != genesis) {
    return untrusted(
        "this is another key server instance: its genesis is ", genesis.hex(), ", pinned is ",
        pinned->hex(),
        "; it may be genuine code that somebody else started empty. Check the address");
  }
  return std::unique_ptr<KeyServerClient>(
      new KeyServerClient(std::move(http), std::move(peer), genesis, clock));
}

Result<void> KeyServerClient::appraise(const keys::Policy& policy) {
  appraised_ = false;
  TRY(keys::appraise_holder(policy, keys::HolderRole::KeyServer, *peer_.claims, clock_.now())
          .context("appraising the key server"));
  appraised_ = true;
  return {};
}

asio::awaitable<Result<SecretBuffer>> KeyServerClient::ask(std::string method, std::string target,
                                                           SecretBuffer body) {
  if (clock_.now() >= peer_.until) {
    co_return unavailable("the attested session is over: connect anew");
  }
  channel::HttpRequest request{.method = std::move(method),
                               .target = std::move(target),
                               .headers = {},
                               .body = std::move(body)};
  auto response = co_await http_->send(std::move(request));
  if (!response) co_return std::move(response).error().context("asking the key server");
  if (response->status != 200) {
    co_return keys::parse_refusal(response->status, response->body).context("key server");
  }
  co_return std::move(response->body);
}

asio::awaitable<Result<keys::Receipt>> KeyServerClient::submit(keys::Submission submission) {
  if (submission.data_key && !appraised_) {
    co_return invalid_argument("no DEK goes to a key server that the policy has not accepted");
  }
  const StatementHash expected = keys::hash_of(submission.statement);
  auto body = co_await ask("POST", std::string(keys::kSubmitPath), keys::encode(submission));
  if (!body) co_return std::move(body).error().context("submitting a statement");
  auto receipt = keys::parse_receipt(*body);
  if (!receipt) co_return std::move(receipt).error().context("receipt");
  if (receipt->statement != expected) {
    co_return untrusted("the receipt is for statement ", receipt->statement.hex(),
                        ", submitted was ", expected.hex());
  }
  co_return std::move(receipt).value();
}

asio::awaitable<Result<json::Json>> KeyServerClient::list() {
  auto body = co_await ask("GET", std::string(keys::kListPath), {});
  if (!body) co_return std::move(body).error().context("listing models");
  auto models = json::parse(as_text(*body));
  if (!models) co_return std::move(models).error().context("list of models");
  co_return std::move(models).value();
}

asio::awaitable<Result<keys::Release>> KeyServerClient::release(keys::ReleaseRequest request) {
  const Bytes encoded = keys::encode(request);
  auto body = co_await ask("POST", std::string(keys::kReleasePath),
                           to_secret_buffer(encoded));
  if (!body) co_return std::move(body).error().context("asking for a release");
  auto release = keys::parse_release(*body);
  if (!release) co_return std::move(release).error().context("release");
  co_return std::move(release).value();
}

}  // namespace torchkeep::client
