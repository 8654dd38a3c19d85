#include "torchkeep/client/infer_message.h"

#include <charconv>
#include <limits>
#include <map>

#include "torchkeep/base/encoding.h"
#include "torchkeep/json/json.h"
#include "torchkeep/keys/messages.h"

namespace torchkeep::client {
namespace {

// The binary tensor extension: the JSON part's length stands in this header, tensors follow it.
constexpr std::string_view kLengthHeader = "inference-header-content-length";

Result<std::size_t> parse_length(const std::string& digits) {
  std::size_t length = 0;
  const char* end = digits.data() + digits.size();
  const auto [stop, failure] = std::from_chars(digits.data(), end, length);
  if (failure != std::errc() || stop != end) {
    return malformed("header ", kLengthHeader, " is no number");
  }
  return length;
}

/// One word of a path (RFC 3986, section 2.1): what is not unreserved becomes %XX.
std::string encode_word(std::string_view word) {
  std::string out;
  for (const char c : word) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '.' || c == '_' || c == '~';
    if (plain) {
      out += c;
    } else {
      const auto byte = static_cast<std::uint8_t>(c);
      out += '%' + encode_hex(ByteView(&byte, 1));
    }
  }
  return out;
}

void put_sequence(json::Json& parameters, const SequenceCall& call) {
  if (call.end) parameters["sequence_end"] = true;
  if (!call.id.empty()) {
    parameters["sequence_id"] = call.id;
    return;
  }
  parameters["sequence_start"] = true;
  for (const auto& [output, input] : call.state)
    parameters["sequence_state"].push_back({{"output", output}, {"input", input}});
}

Result<Tensor> parse_output(const json::Json& value, ByteView& binary) {
  // Servers may add fields of their own here; only what we use is taken.
  json::ObjectReader reader = TRY(json::ObjectReader::open(value, "output"));
  Tensor tensor;
  tensor.name = TRY(reader.take_string("name"));
  const std::string what = text("output \"", tensor.name, "\"");
  tensor.datatype = TRY(reader.take_string("datatype").context(what));
  for (const json::Json& side : *TRY(reader.take_array("shape").context(what))) {
    if (!side.is_number_unsigned()) return malformed(what, ": shape holds no whole number");
    tensor.shape.push_back(side.get<std::uint64_t>());
  }
  const json::Json& parameters = *TRY(reader.take_object("parameters").context(what));
  json::ObjectReader options = TRY(json::ObjectReader::open(parameters, what));
  const std::uint64_t size = TRY(options.take_unsigned("binary_data_size"));
  auto wanted = tensor_bytes(tensor.datatype, tensor.shape);
  if (!wanted) return malformed(what, ": ", wanted.error().message);
  if (size != *wanted) {
    return malformed(what, " has ", size, " bytes, its shape takes ", *wanted);
  }
  if (size > binary.size()) return malformed(what, ": the answer ends before it does");
  const ByteView data = binary.first(size);
  tensor.data = to_secret_buffer(data);
  binary = binary.subspan(size);
  return tensor;
}

Result<std::vector<ModelPort>> parse_ports(const json::Json& list) {
  std::vector<ModelPort> ports;
  for (const json::Json& value : list) {
    json::ObjectReader reader = TRY(json::ObjectReader::open(value, "port"));
    ModelPort port;
    port.name = TRY(reader.take_string("name"));
    port.datatype = TRY(reader.take_string("datatype"));
    for (const json::Json& side : *TRY(reader.take_array("shape"))) {
      if (!side.is_number_integer()) return malformed("a shape holds no whole number");
      port.shape.push_back(side.get<std::int64_t>());
    }
    ports.push_back(std::move(port));
  }
  return ports;
}

Result<std::uint64_t> parse_version(const std::string& digits) {
  std::uint64_t version = 0;
  const char* end = digits.data() + digits.size();
  const auto [stop, failure] = std::from_chars(digits.data(), end, version);
  if (failure != std::errc() || stop != end) return malformed("a version is no number");
  return version;
}

}  // namespace

Result<std::size_t> datatype_bytes(std::string_view datatype) {
  static const std::map<std::string_view, std::size_t> kSizes = {
      {"BOOL", 1}, {"UINT8", 1}, {"UINT16", 2}, {"UINT32", 4}, {"UINT64", 8},
      {"INT8", 1}, {"INT16", 2}, {"INT32", 4},  {"INT64", 8},  {"FP16", 2},
      {"BF16", 2}, {"FP32", 4},  {"FP64", 8}};
  const auto found = kSizes.find(datatype);
  if (found == kSizes.end()) return invalid_argument("no fixed size: datatype \"", datatype, "\"");
  return found->second;
}

Result<std::uint64_t> tensor_bytes(std::string_view datatype,
                                   std::span<const std::uint64_t> shape) {
  std::uint64_t bytes = TRY(datatype_bytes(datatype));
  for (const std::uint64_t side : shape) {
    if (side != 0 && bytes > std::numeric_limits<std::uint64_t>::max() / side) {
      return invalid_argument("the shape takes more than 64 bits can count");
    }
    bytes *= side;
  }
  return bytes;
}

Result<channel::HttpRequest> encode_infer_request(std::string_view model, std::uint64_t version,
                                                  std::span<const Tensor> inputs,
                                                  const Callee& callee) {
  TRY(keys::check_model_name(model));  // Before it becomes part of a path.
  json::Json list = json::Json::array();
  std::size_t data_bytes = 0;
  for (const Tensor& tensor : inputs) {
    if (tensor.name.empty()) return invalid_argument("an input has no name");
    const std::uint64_t wanted = TRY(
        tensor_bytes(tensor.datatype, tensor.shape).context(text("input \"", tensor.name, "\"")));
    if (tensor.data.size() != wanted) {
      return invalid_argument("input \"", tensor.name, "\" has ", tensor.data.size(),
                              " bytes, its shape takes ", wanted);
    }
    list.push_back({{"name", tensor.name},
                    {"datatype", tensor.datatype},
                    {"shape", tensor.shape},
                    {"parameters", {{"binary_data_size", tensor.data.size()}}}});
    data_bytes += tensor.data.size();
  }
  json::Json value = {{"inputs", std::move(list)}, {"parameters", {{"binary_data_output", true}}}};
  for (const std::string& output : callee.outputs) value["outputs"].push_back({{"name", output}});
  if (callee.sequence) {
    put_sequence(value["parameters"], *callee.sequence);
    if (callee.sequence->end && inputs.empty()) value.erase("inputs");
  }
  const std::string head = json::encode_canonical(value);

  channel::HttpRequest request;
  request.method = "POST";
  request.target = text("/v2/models/", model, "/versions/", version);
  if (!callee.operator_name.empty())
    request.target += "/operators/" + encode_word(callee.operator_name);
  request.target += "/infer";
  request.headers = {{"content-type", "application/octet-stream"},
                     {std::string(kLengthHeader), std::to_string(head.size())}};
  request.body.reserve(head.size() + data_bytes);
  append(request.body, as_bytes(head));
  for (const Tensor& tensor : inputs) append(request.body, tensor.data);
  return request;
}

Result<InferAnswer> parse_infer_response(const channel::HttpResponse& response) {
  if (response.status != 200) {
    return keys::parse_refusal(response.status, response.body).context("worker");
  }
  const std::string* length = response.find_header(kLengthHeader);
  // Without the header there is no binary part, as where a sequence ended and nothing was run.
  const std::size_t head_bytes =
      length == nullptr ? response.body.size() : TRY(parse_length(*length));
  const ByteView body = response.body;
  if (head_bytes > body.size()) return malformed("answer is shorter than its JSON part");

  const json::Json value = TRY(json::parse(as_text(body.first(head_bytes))).context("answer"));
  json::ObjectReader reader = TRY(json::ObjectReader::open(value, "answer"));
  ByteView binary = body.subspan(head_bytes);
  InferAnswer answer;
  for (const json::Json& output : *TRY(reader.take_array("outputs"))) {
    answer.outputs.push_back(TRY(parse_output(output, binary)));
  }
  if (!binary.empty()) return malformed("answer has ", binary.size(), " bytes that no output owns");
  if (const json::Json* parameters = reader.find_any("parameters")) {
    json::ObjectReader options = TRY(json::ObjectReader::open(*parameters, "parameters"));
    answer.sequence_id = TRY(options.find_string("sequence_id")).value_or("");
  }
  return answer;
}

Result<channel::HttpRequest> encode_describe_request(std::string_view model,
                                                     std::uint64_t version) {
  TRY(keys::check_model_name(model));  // Before it becomes part of a path.
  channel::HttpRequest request;
  request.method = "GET";
  request.target = text("/v2/models/", model);
  if (version != 0) request.target += text("/versions/", version);
  return request;
}

Result<ModelDescription> parse_description(const channel::HttpResponse& response) {
  if (response.status != 200) {
    return keys::parse_refusal(response.status, response.body).context("worker");
  }
  const json::Json value = TRY(json::parse(as_text(response.body)).context("answer"));
  json::ObjectReader reader = TRY(json::ObjectReader::open(value, "answer"));
  ModelDescription out;
  for (const std::string& digits : TRY(reader.take_strings("versions"))) {
    out.versions.push_back(TRY(parse_version(digits)));
  }
  out.inputs = TRY(parse_ports(*TRY(reader.take_array("inputs"))).context("inputs"));
  out.outputs = TRY(parse_ports(*TRY(reader.take_array("outputs"))).context("outputs"));
  return out;
}

}  // namespace torchkeep::client
