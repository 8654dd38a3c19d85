#pragma once

#include <functional>
#include <map>

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "torchkeep/keycache/key_server.h"

#include "tests/support/fake_owner.h"

namespace torchkeep::testing {

/// A key server in this process that says what the test tells it to. *Lives on one strand.*
class FakeKeyServer final : public keycache::KeyServer {
 public:
  FakeKeyServer(const Genesis& genesis, attest::Claims claims)
      : genesis_(genesis), claims_(std::move(claims)) {}

  /// Releases this owner's model from now on, as far as its statements go. DEKs are
  /// fake_data_key's.
  void serve(const FakeOwner& owner) { models_[owner.model()] = owner.statements(); }
  void set_claims(attest::Claims claims) { claims_ = std::move(claims); }
  void set_genesis(const Genesis& genesis) { genesis_ = genesis; }
  /// Changes each answer before it leaves.
  void spoil(std::function<void(keys::Release&)> change) { spoil_ = std::move(change); }
  void refuse_with(Error error) { refusal_ = std::move(error); }
  void heal() {
    refusal_.reset();
    spoil_ = nullptr;
  }
  /// Answers wait until `open_gate`.
  void close_gate() { gate_closed_ = true; }
  void open_gate() {
    gate_closed_ = false;
    if (gate_) gate_->cancel();
  }

  const std::vector<keys::ReleaseRequest>& requests() const { return requests_; }

  boost::asio::awaitable<Result<keycache::KeyServerAnswer>> release(
      keys::ReleaseRequest request) override {
    namespace asio = boost::asio;
    requests_.push_back(request);
    if (gate_closed_) {
      // The timer goes with this call, which its event loop may tear down before we go.
      asio::steady_timer gate(co_await asio::this_coro::executor,
                              asio::steady_timer::time_point::max());
      gate_ = &gate;
      boost::system::error_code opened;
      co_await gate.async_wait(asio::redirect_error(asio::use_awaitable, opened));
      gate_ = nullptr;
    }
    if (refusal_) co_return *refusal_;
    const auto model = models_.find(keys::model_id(request.owner, request.name));
    if (model == models_.end()) co_return not_found("no such model is registered here");
    co_return answer(model->second, request);
  }

 private:
  Result<keycache::KeyServerAnswer> answer(const std::vector<keys::SignedStatement>& statements,
                                           const keys::ReleaseRequest& request) {
    const keys::ModelChain chain = TRY(keys::ModelChain::verify(statements));
    keys::Release release;
    release.lease.id.fill(static_cast<std::uint8_t>(requests_.size()));
    release.lease.nonce = request.nonce;
    release.lease.seconds = chain.policy().lease_seconds;
    release.lease.requests = chain.policy().lease_requests;
    release.lease.log_position = requests_.size();
    release.statements = statements;
    if (!request.renewal) {
      release.data_key = fake_data_key(static_cast<std::uint8_t>(request.version));
    }
    if (spoil_) spoil_(release);
    return keycache::KeyServerAnswer{std::move(release), genesis_, claims_};
  }

  Genesis genesis_;
  attest::Claims claims_;
  std::map<ModelId, std::vector<keys::SignedStatement>> models_;
  std::function<void(keys::Release&)> spoil_;
  std::optional<Error> refusal_;
  bool gate_closed_ = false;
  boost::asio::steady_timer* gate_ = nullptr;
  std::vector<keys::ReleaseRequest> requests_;
};

/// A key server that nobody reaches.
class FailingKeyServer final : public keycache::KeyServer {
 public:
  boost::asio::awaitable<Result<keycache::KeyServerAnswer>> release(keys::ReleaseRequest) override {
    co_return unavailable("nobody answers");
  }
};

}  // namespace torchkeep::testing
