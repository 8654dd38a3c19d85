#include "torchkeep/worker/infer_request.h"

#include <algorithm>

#include "torchkeep/json/json.h"
#include "torchkeep/worker/json_split.h"
#include "torchkeep/worker/tensor_json.h"

namespace torchkeep::worker {
namespace {

using runtime::DataType;
using runtime::Port;
using runtime::Shape;
using runtime::Tensor;

constexpr std::size_t kMaxIdBytes = 1024;

std::string quoted(std::string_view what, std::string_view name) {
  return text(what, " \"", name, "\"");
}

Result<Shape> parse_shape(const json::Json& value, const Port& port) {
  Shape shape;
  for (const json::Json& side : value) {
    if (!side.is_number_unsigned() || side.get<std::uint64_t>() > (std::uint64_t{1} << 40)) {
      return malformed("field \"shape\" holds what is no whole number from 0 to 2^40");
    }
    shape.push_back(side.get<std::int64_t>());
  }
  bool fits = shape.size() == port.shape.size();
  for (std::size_t i = 0; fits && i < shape.size(); ++i) {
    fits = port.shape[i] == -1 || port.shape[i] == shape[i];
  }
  if (!fits) {
    return malformed("shape ", runtime::describe(shape), " found, ", runtime::describe(port.shape),
                     " wanted");
  }
  return shape;
}

Result<Tensor> take_binary(ByteView& binary, std::uint64_t size, DataType type, Shape shape) {
  const std::uint64_t wanted = TRY(runtime::byte_count(type, shape));
  if (size != wanted) {
    return malformed("binary_data_size is ", size, ", its shape and datatype take ", wanted);
  }
  if (size > binary.size()) {
    return malformed("the body ends after ", binary.size(), " of its ", size, " bytes");
  }
  const ByteView bytes = binary.first(size);
  binary = binary.subspan(size);
  if (type == DataType::Bool && std::ranges::any_of(bytes, [](std::uint8_t b) { return b > 1; })) {
    return malformed("a byte of BOOL data is neither 0 nor 1");
  }
  return Tensor(type, std::move(shape), to_secret_buffer(bytes));
}

/// One request on its way from JSON tree and binary part to tensors.
class Parser {
 public:
  Parser(std::span<const Port> inputs, std::span<const Port> outputs, const SplitJson& split,
         ByteView binary)
      : inputs_(inputs), outputs_(outputs), split_(split), binary_(binary), found_(inputs.size()) {}

  Result<InferRequest> parse(const json::Json& value) {
    json::ObjectReader reader = TRY(json::ObjectReader::open(value, "request"));
    InferRequest request;
    if (auto id = TRY(reader.find_string("id"))) request.id = std::move(*id);
    if (request.id.size() > kMaxIdBytes)
      return malformed("request: field \"id\" is above 1024 bytes");
    const bool binary = TRY(parse_parameters(reader.find_any("parameters"), request));
    request.runs = reader.has("inputs") || !request.sequence || !request.sequence->end;
    if (request.runs) {
      for (const json::Json& input : *TRY(reader.take_array("inputs"))) TRY(parse_input(input));
      TRY(take_inputs(request));
    }
    if (!binary_.empty())
      return malformed("the body has ", binary_.size(), " bytes that no input owns");
    request.outputs = TRY(parse_outputs(reader, binary, request.outputs_named));
    TRY(reader.finish());
    return request;
  }

 private:
  /// What a client may also say here are hints (priority, timeout), which need not be followed;
  /// what would change the answer's meaning is refused. Returns the default of `binary_data`.
  Result<bool> parse_parameters(const json::Json* parameters, InferRequest& request) const {
    if (parameters == nullptr) return false;
    json::ObjectReader reader = TRY(json::ObjectReader::open(*parameters, "parameters"));
    request.sequence = TRY(parse_sequence_call(reader, inputs_, outputs_));
    return TRY(reader.find_bool("binary_data_output")).value_or(false);
  }

  Result<void> take_inputs(InferRequest& request) {
    for (std::size_t i = 0; i < inputs_.size(); ++i) {
      if (!found_[i] && !request.sequence)
        return malformed(quoted("input", inputs_[i].name), " is missing");
      if (!found_[i]) request.missing.push_back(i);
      request.inputs.push_back(found_[i] ? std::move(*found_[i]) : Tensor());
    }
    return {};
  }

  Result<void> parse_input(const json::Json& value) {
    json::ObjectReader reader = TRY(json::ObjectReader::open(value, "input"));
    const std::string name = TRY(reader.take_string("name"));
    const std::size_t index = TRY(find_port(inputs_, name, "input"));
    if (found_[index]) return malformed(quoted("input", name), " occurs twice");
    found_[index] = TRY(parse_tensor(reader, inputs_[index]).context(quoted("input", name)));
    return {};
  }

  Result<Tensor> parse_tensor(json::ObjectReader& reader, const Port& port) {
    const std::string datatype = TRY(reader.take_string("datatype"));
    if (datatype != runtime::name_of(port.dtype)) {
      return malformed("datatype ", datatype, " found, ", runtime::name_of(port.dtype), " wanted");
    }
    Shape shape = TRY(parse_shape(*TRY(reader.take_array("shape")), port));
    std::optional<std::uint64_t> binary_bytes;
    if (const json::Json* parameters = reader.find_any("parameters")) {
      json::ObjectReader options = TRY(json::ObjectReader::open(*parameters, "parameters"));
      binary_bytes = TRY(options.find_unsigned("binary_data_size"));
      TRY(options.finish());
    }
    const auto place = TRY(reader.find_unsigned("data"));
    TRY(reader.finish());
    if (binary_bytes.has_value() == place.has_value()) {
      return malformed("either \"data\" or \"binary_data_size\" is wanted");
    }
    if (binary_bytes) return take_binary(binary_, *binary_bytes, port.dtype, std::move(shape));
    // The splitter numbers the arrays in order; an escaped spelling of "data" is one that it
    // missed.
    if (*place != arrays_taken_ || *place >= split_.data.size()) {
      return malformed("field \"data\" is to be spelt plainly and to hold an array");
    }
    return parse_json_tensor(split_.data[arrays_taken_++], port.dtype, std::move(shape));
  }

  Result<std::vector<RequestedOutput>> parse_outputs(json::ObjectReader& reader, bool binary,
                                                     bool& any_named) const {
    std::vector<RequestedOutput> asked;
    const json::Json none = json::Json::array();
    const json::Json* named = reader.has("outputs") ? TRY(reader.take_array("outputs")) : &none;
    for (const json::Json& output : *named) {
      const RequestedOutput one = TRY(parse_output(output, binary));
      if (std::ranges::find(asked, one.index, &RequestedOutput::index) != asked.end()) {
        return malformed(quoted("output", outputs_[one.index].name), " is asked for twice");
      }
      asked.push_back(one);
    }
    any_named = !named->empty();
    if (any_named) return asked;
    for (std::size_t i = 0; i < outputs_.size(); ++i) asked.push_back({i, binary});
    return asked;
  }

  Result<RequestedOutput> parse_output(const json::Json& value, bool binary) const {
    json::ObjectReader reader = TRY(json::ObjectReader::open(value, "output"));
    const std::string name = TRY(reader.take_string("name"));
    RequestedOutput output{TRY(find_port(outputs_, name, "output")), binary};
    if (const json::Json* parameters = reader.find_any("parameters")) {
      json::ObjectReader options =
          TRY(json::ObjectReader::open(*parameters, quoted("output", name)));
      if (options.has("classification")) {
        return malformed(quoted("output", name),
                         ": this server does not classify, it returns the tensor");
      }
      output.binary = TRY(options.find_bool("binary_data")).value_or(binary);
      TRY(options.finish());
    }
    TRY(reader.finish());
    return output;
  }

  std::span<const Port> inputs_;
  std::span<const Port> outputs_;
  const SplitJson& split_;
  ByteView binary_;
  std::vector<std::optional<Tensor>> found_;
  std::size_t arrays_taken_ = 0;
};

}  // namespace

Result<InferRequest> parse_infer_request(ByteView body, std::optional<std::size_t> json_bytes,
                                         std::span<const Port> inputs,
                                         std::span<const Port> outputs) {
  if (json_bytes && *json_bytes > body.size()) {
    return malformed("Inference-Header-Content-Length is ", *json_bytes, ", the body has ",
                     body.size(), " bytes");
  }
  const ByteView head = body.first(json_bytes.value_or(body.size()));
  const SplitJson split = TRY(split_json(as_text(head)).context("request"));
  const json::Json value = TRY(json::parse(split.skeleton).context("request"));
  return Parser(inputs, outputs, split, body.subspan(head.size())).parse(value);
}

}  // namespace torchkeep::worker
