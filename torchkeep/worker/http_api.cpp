#include "torchkeep/worker/http_api.h"

#include "torchkeep/base/version.h"
#include "torchkeep/json/json.h"
#include "torchkeep/worker/inference.h"

namespace torchkeep::worker {
namespace {

using channel::HttpRequest;
using channel::HttpResponse;

HttpResponse json_response(unsigned status, const json::Json& value) {
  return channel::text_response(status, "application/json",
                                value.dump(-1, ' ', false, json::Json::error_handler_t::replace));
}

/// An error that its client may read as it is.
HttpResponse refuse(const Error& error) {
  return error_response(keys::http_status(error.code), error.message);
}

HttpResponse wrong_method(std::string_view wanted) {
  HttpResponse response = error_response(405, text("this path takes ", wanted, " only"));
  response.headers.emplace_back("allow", wanted);
  return response;
}

Result<std::optional<std::size_t>> json_length(const HttpRequest& request) {
  const std::string* digits = request.find_header("inference-header-content-length");
  if (digits == nullptr) return std::optional<std::size_t>();
  std::size_t length = 0;
  const char* end = digits->data() + digits->size();
  const auto [stop, failure] = std::from_chars(digits->data(), end, length);
  if (failure != std::errc() || stop != end) {
    return malformed("header Inference-Header-Content-Length is no number");
  }
  return std::optional(length);
}

json::Json describe_ports(std::span<const runtime::Port> ports) {
  json::Json out = json::Json::array();
  for (const runtime::Port& port : ports) {
    out.push_back(
        {{"name", port.name}, {"datatype", runtime::name_of(port.dtype)}, {"shape", port.shape}});
  }
  return out;
}

}  // namespace

asio::awaitable<HttpResponse> HttpApi::answer(const HttpRequest& request,
                                              channel::Connection& connection) {
  auto session = co_await channel::answer_session(self_, request, connection, bench_.log);
  if (session) co_return std::move(*session);
  const auto route = parse_route(request.target);
  if (!route) co_return refuse(route.error());
  if (request.method != route->method) co_return wrong_method(route->method);
  const std::string* encoding = request.find_header("content-encoding");
  if (encoding != nullptr && *encoding != "identity") {
    co_return error_response(415, text("content-encoding is not offered: send the body as it is"));
  }
  const auto client = channel::find_peer(connection, bench_.clock.now());
  if (route->call != Call::Infer) co_return answer_at_once(*route, request, client.get());
  co_return co_await infer(*route, request, client.get());
}

HttpResponse HttpApi::answer_at_once(const Route& route, const HttpRequest& request,
                                     const channel::AttestedPeer* client) {
  switch (route.call) {
    case Call::Health: return health();
    case Call::ServerMetadata:
      return json_response(200, {{"name", "torchkeep"},
                                 {"version", kVersion},
                                 {"extensions", {"binary_tensor_data", "model_repository"}}});
    case Call::ServerLive: return json_response(200, {{"live", true}});
    case Call::ServerReady:
      if (!host_.ready())
        return error_response(503, "no model is served yet, or one is still being loaded");
      return json_response(200, {{"ready", true}});
    case Call::ModelMetadata: return model_metadata(route, client);
    case Call::ModelReady: return model_ready(route);
    case Call::RepositoryIndex: return index(request);
    case Call::RepositoryChange:
      return error_response(501, "models come and go with the files in the repository folder");
    case Call::Infer: break;
  }
  return error_response(500, "a call without an answer");
}

asio::awaitable<HttpResponse> HttpApi::infer(const Route& route, const HttpRequest& request,
                                             const channel::AttestedPeer* client) {
  const auto slot = host_.find(route.model, route.version);
  if (!slot) co_return refuse(slot.error());
  auto admitted = (*slot)->admit(client);
  if (!admitted) co_return refuse(admitted.error());
  if (request.body.size() > admitted->max_request_bytes) {
    co_return error_response(413, text("the body has ", request.body.size(),
                                       " bytes, this model takes ", admitted->max_request_bytes));
  }
  const auto json_bytes = json_length(request);
  if (!json_bytes) co_return refuse(json_bytes.error());
  InferCall call{request.body,
                 *json_bytes,
                 {route.model, (*slot)->place().version, {}, {}},
                 route.operator_name};
  auto answered = co_await compute(std::move(call), *admitted);
  (*slot)->tick();  // It may have been the last request of its lease.
  if (answered) co_return std::move(answered).value();
  if (answered.error().code == ErrorCode::Internal) {
    bench_.log.error(describe((*slot)->place()), ": inference failed inside the engine");
  }
  co_return refuse(answered.error());
}

// No coroutine itself: g++ 12 destroys a lambda within a co_await twice.
asio::awaitable<Result<HttpResponse>> HttpApi::compute(InferCall call, Admission& admitted) {
  // The engine goes with the work, so that its last user is always on the thread that wipes it. The
  // place in the queue stays behind: it is the serving thread's.
  Admission used{std::move(admitted.engine), std::move(admitted.sequences),
                 std::move(admitted.lease), admitted.max_request_bytes, nullptr};
  return bench_.inference.run([call = std::move(call), used = std::move(used)]() mutable {
    return worker::infer(std::move(call), used);
  });
}

HttpResponse HttpApi::health() const {
  const auto slots = host_.all();
  std::size_t served = 0;
  for (const auto& slot : slots) served += slot->state() == SlotState::Ready ? 1 : 0;
  return json_response(200, {{"status", "ok"},
                             {"simulation", tee::built_for_simulation()},
                             {"owner", keys::hex(bench_.owner)},
                             {"models", {{"served", served}, {"found", slots.size()}}}});
}

HttpResponse HttpApi::model_ready(const Route& route) const {
  const auto slot = host_.find(route.model, route.version);
  if (!slot) return refuse(slot.error());
  if ((*slot)->state() != SlotState::Ready) {
    return error_response(503,
                          text("model \"", route.model, "\" version ", (*slot)->place().version,
                               " is not served: ", (*slot)->reason()));
  }
  return json_response(200, {{"name", route.model}, {"ready", true}});
}

HttpResponse HttpApi::model_metadata(const Route& route,
                                     const channel::AttestedPeer* client) const {
  const auto slot = host_.find(route.model, route.version);
  if (!slot) return refuse(slot.error());
  const auto engine = (*slot)->look(client);
  if (!engine) return refuse(engine.error());
  json::Json versions = json::Json::array();
  for (const auto& other : host_.versions(route.model)) {
    if (other->state() == SlotState::Ready)
      versions.push_back(std::to_string(other->place().version));
  }
  return json_response(200, {{"name", route.model},
                             {"versions", std::move(versions)},
                             {"platform", "torchkeep_onnx"},
                             {"inputs", describe_ports((*engine)->inputs())},
                             {"outputs", describe_ports((*engine)->outputs())}});
}

HttpResponse HttpApi::index(const HttpRequest& request) const {
  bool only_ready = false;
  if (!request.body.empty()) {
    const auto value = json::parse(as_text(request.body));
    if (!value) return refuse(value.error());
    auto reader = json::ObjectReader::open(*value, "request");
    if (!reader) return refuse(reader.error());
    const auto ready = reader->find_bool("ready");
    if (!ready) return refuse(ready.error());
    if (const auto done = reader->finish(); !done) return refuse(done.error());
    only_ready = ready->value_or(false);
  }
  json::Json out = json::Json::array();
  for (const auto& slot : host_.all()) {
    if (only_ready && slot->state() != SlotState::Ready) continue;
    out.push_back({{"name", slot->place().name},
                   {"version", std::to_string(slot->place().version)},
                   {"state", name_of(slot->state())},
                   {"reason", slot->reason()}});
  }
  return json_response(200, out);
}

}  // namespace torchkeep::worker
