#include "torchkeep/worker/infer_response.h"

#include <algorithm>

#include "torchkeep/json/json.h"
#include "torchkeep/worker/tensor_json.h"

namespace torchkeep::worker {
namespace {

using channel::HttpResponse;

void append_text(SecretBuffer& out, std::string_view text) { append(out, as_bytes(text)); }

/// Names are the owner's and ids the client's, so they may hold bytes that are no UTF-8 only if
/// a model says so; such bytes are replaced.
std::string dump(const json::Json& value) {
  return value.dump(-1, ' ', false, json::Json::error_handler_t::replace);
}

}  // namespace

Result<HttpResponse> encode_infer_response(const AnswerHead& head,
                                           std::span<const RequestedOutput> asked,
                                           std::span<const runtime::Port> ports,
                                           std::span<const runtime::Tensor> tensors) {
  TORCHKEEP_CHECK(ports.size() == tensors.size());
  HttpResponse response;
  SecretBuffer& out = response.body;
  json::Json top = {{"model_name", head.model}, {"model_version", std::to_string(head.version)}};
  if (!head.id.empty()) top["id"] = head.id;
  if (!head.sequence_id.empty()) top["parameters"] = {{"sequence_id", head.sequence_id}};
  std::string opening = dump(top);
  opening.back() = ',';  // The outputs follow, which never become a tree.
  append_text(out, opening);
  append_text(out, "\"outputs\":[");
  std::size_t binary_bytes = 0;
  for (const RequestedOutput& output : asked) {
    const runtime::Tensor& tensor = tensors[output.index];
    json::Json about = {{"name", ports[output.index].name},
                        {"datatype", runtime::name_of(tensor.dtype)},
                        {"shape", tensor.shape}};
    if (output.binary) about["parameters"] = {{"binary_data_size", tensor.data.size()}};
    std::string told = dump(about);
    if (&output != asked.data()) append_text(out, ",");
    if (output.binary) {
      append_text(out, told);
      binary_bytes += tensor.data.size();
      continue;
    }
    told.back() = ',';
    append_text(out, told);
    append_text(out, "\"data\":");
    TRY(append_json_tensor(out, tensor).context(text("output \"", ports[output.index].name, "\"")));
    append_text(out, "}");
  }
  append_text(out, "]}");

  const bool binary = std::ranges::any_of(asked, &RequestedOutput::binary);
  response.headers.emplace_back("content-type",
                                binary ? "application/octet-stream" : "application/json");
  if (!binary) return response;
  response.headers.emplace_back("inference-header-content-length", std::to_string(out.size()));
  out.reserve(out.size() + binary_bytes);
  for (const RequestedOutput& output : asked) {
    const SecretBuffer& data = tensors[output.index].data;
    if (output.binary) append(out, data);
  }
  return response;
}

HttpResponse error_response(unsigned status, std::string_view message) {
  return channel::text_response(status, "application/json", dump({{"error", message}}));
}

}  // namespace torchkeep::worker
