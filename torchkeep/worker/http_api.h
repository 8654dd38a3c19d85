#pragma once

#include "torchkeep/worker/inference.h"
#include "torchkeep/worker/model_host.h"
#include "torchkeep/worker/route.h"

namespace torchkeep::worker {

/// The Open Inference Protocol over HTTPS, to attested sessions and to plain clients alike, and the
/// worker's half of session attestation. Requests are not logged, but for failures of our own, by a
/// request id. Grammar: docs/formats/inference-api.md. *Lives on one strand.*
class HttpApi {
 public:
  /// All that is handed in outlives it.
  HttpApi(ModelHost& host, Workbench& bench, channel::SessionParty self)
      : host_(host), bench_(bench), self_(std::move(self)) {}

  asio::awaitable<channel::HttpResponse> answer(const channel::HttpRequest& request,
                                                channel::Connection& connection);

 private:
  channel::HttpResponse answer_at_once(const Route& route, const channel::HttpRequest& request,
                                       const channel::AttestedPeer* client);
  asio::awaitable<channel::HttpResponse> infer(const Route& route,
                                               const channel::HttpRequest& request,
                                               const channel::AttestedPeer* client);
  asio::awaitable<Result<channel::HttpResponse>> compute(InferCall call, Admission& admitted);
  channel::HttpResponse health() const;
  channel::HttpResponse model_ready(const Route& route) const;
  channel::HttpResponse model_metadata(const Route& route,
                                       const channel::AttestedPeer* client) const;
  channel::HttpResponse index(const channel::HttpRequest& request) const;

  ModelHost& host_;
  Workbench& bench_;
  channel::SessionParty self_;
};

}  // namespace torchkeep::worker
