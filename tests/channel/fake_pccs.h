#pragma once

#include <atomic>

#include "torchkeep/base/encoding.h"
#include "torchkeep/channel/pccs.h"

#include "tests/channel/session_world.h"
#include "tests/support/loopback.h"

namespace torchkeep::testing {

inline std::string percent_encode_all(ByteView bytes) {
  std::string out;
  for (const std::uint8_t byte : bytes) out += "%" + encode_hex({&byte, 1});
  return out;
}

/// A PCCS of one machine over loopback, and what a test wants to be wrong with it.
class FakePccs {
 public:
  FakePccs(World& world, asio::io_context& io,
           std::shared_ptr<channel::TlsServerContext> tls = nullptr)
      : collateral(world.machine.collateral(world.clock.now())), tls_(tls != nullptr) {
    auto handler = [this](const channel::HttpRequest& request,
                          channel::Connection&) -> asio::awaitable<channel::HttpResponse> {
      ++requests;
      last_host = *request.find_header("host");
      channel::HttpResponse response = answer(request.target);
      if (spoil) spoil(request.target, response);
      co_return response;
    };
    server_ = std::move(channel::HttpServer::listen(io, loopback(0), std::move(tls), {},
                                                    std::move(handler), world.log))
                  .value();
  }

  channel::PccsAddress address() const {
    return {.tls = tls_, .host = "127.0.0.1", .port = server_->port(), .base = base};
  }
  std::unique_ptr<channel::PccsClient> client(ByteView pin = {}) const {
    return channel::PccsClient::create(address(), pin, kSoon).value();
  }
  /// Attempts follow each other fast: tests do not wait.
  static constexpr channel::PccsPatience kSoon{.connect = std::chrono::seconds(2),
                                               .answer = std::chrono::seconds(1),
                                               .first_pause = std::chrono::milliseconds(1),
                                               .longest_pause = std::chrono::milliseconds(4),
                                               .total = std::chrono::milliseconds(200)};

  attest::Collateral collateral;
  std::string base;
  std::string last_host;
  std::atomic<int> requests{0};
  std::function<void(const std::string& target, channel::HttpResponse&)> spoil;

 private:
  channel::HttpResponse answer(const std::string& target) const {
    const std::string own = base + "/sgx/certification/v4";
    if (target.starts_with(own + "/tcb?fmspc=")) {
      return with_chain(collateral.tcb_info, "tcb-info-issuer-chain",
                        collateral.tcb_info_issuer_chain);
    }
    if (target == own + "/qe/identity") {
      return with_chain(collateral.qe_identity, "sgx-enclave-identity-issuer-chain",
                        collateral.qe_identity_issuer_chain);
    }
    if (target.starts_with(own + "/pckcrl?ca=")) {
      return with_chain(collateral.pck_crl, "sgx-pck-crl-issuer-chain",
                        collateral.pck_crl_issuer_chain);
    }
    if (target == own + "/rootcacrl") {
      return channel::text_response(200, "text/plain", as_text(collateral.root_ca_crl));
    }
    return channel::text_response(404, "text/plain", "");
  }
  static channel::HttpResponse with_chain(ByteView body, const char* header, ByteView chain) {
    channel::HttpResponse response = channel::text_response(200, "application/json", as_text(body));
    response.headers.emplace_back(header, percent_encode_all(chain));
    return response;
  }
  bool tls_;
  std::unique_ptr<channel::HttpServer> server_;
};

}  // namespace torchkeep::testing
