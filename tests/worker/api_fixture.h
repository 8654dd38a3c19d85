#pragma once

#include <boost/asio/co_spawn.hpp>

#include "torchkeep/worker/http_api.h"

#include "tests/worker/fixture.h"

/// The worker's API without sockets.
namespace torchkeep::worker {

using channel::HttpRequest;
using channel::HttpResponse;

/// A connection of a client that may have proved itself.
struct FakeConnection final : channel::Connection {
  const channel::TlsFacts* tls() const override { return nullptr; }
};

/// A worker with "resnet50" version 1 in its folder, and its API.
struct Api : Worker {
  explicit Api(const keys::Policy& policy = open_policy()) : Worker(policy) {
    std::filesystem::create_directories(folder / "resnet50/1");
    EXPECT_TRUE(store_file(folder / "resnet50/1/model.tkm", as_bytes("x")));
  }
  Api& serve() {
    EXPECT_TRUE(host.rescan());
    run_until([&] { return host.ready(); });
    return *this;
  }
  /// Begins to ask; the answer is there once `run_until` has seen it.
  std::shared_ptr<std::optional<HttpResponse>> begin(std::string_view method,
                                                     std::string_view target,
                                                     std::string_view body = "",
                                                     channel::HttpHeaders headers = {}) {
    auto request = std::make_shared<HttpRequest>(HttpRequest{
        std::string(method), std::string(target), std::move(headers), {body.begin(), body.end()}});
    auto answer = std::make_shared<std::optional<HttpResponse>>();
    asio::co_spawn(io, api.answer(*request, connection),
                   [request, answer](const std::exception_ptr& fault, HttpResponse response) {
                     EXPECT_FALSE(fault);
                     *answer = std::move(response);
                   });
    return answer;
  }
  HttpResponse ask(std::string_view method, std::string_view target, std::string_view body = "",
                   channel::HttpHeaders headers = {}) {
    const auto answer = begin(method, target, body, std::move(headers));
    run_until([&] { return answer->has_value(); });
    return std::move(**answer);
  }

  ModelHost host{folder.path(), bench};
  channel::SessionParty self{.role = tee::Role::Worker,
                             .platform = nullptr,
                             .context = {},
                             .collateral = nullptr,
                             .roots = {},
                             .clock = &clock,
                             .random = &random};
  HttpApi api{host, bench, self};
  FakeConnection connection;
};

inline json::Json json_of(const HttpResponse& response) {
  return json::parse(as_text(response.body)).value();
}
inline std::string error_of(const HttpResponse& response) { return json_of(response).at("error"); }

}  // namespace torchkeep::worker
