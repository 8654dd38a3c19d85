#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "torchkeep/channel/http.h"

/// Inference requests and answers of the Open Inference Protocol with its binary tensor extension,
/// as the client writes and reads them: raw bytes, shape and type name; no knowledge of the
/// runtime.
namespace torchkeep::client {

struct Tensor {
  std::string name;
  std::string datatype;  ///< "FP32", "INT64", ...: as the protocol spells them.
  std::vector<std::uint64_t> shape;
  SecretBuffer data;  ///< Row-major, little-endian.
};

/// Bytes of one element. Errors: InvalidArgument for types that have no fixed size or are unknown.
Result<std::size_t> datatype_bytes(std::string_view datatype);
/// Bytes that `shape` takes. Errors: InvalidArgument, also if that does not fit in 64 bits.
Result<std::uint64_t> tensor_bytes(std::string_view datatype, std::span<const std::uint64_t> shape);

/// A request's place in a sequence, whose state the worker keeps.
struct SequenceCall {
  std::string id;  ///< As the start was answered; empty: this is the start.
  std::vector<std::pair<std::string, std::string>> state;  ///< Of a start: outputs and the inputs
                                                           ///< that they become.
  bool end = false;  ///< It ends with this request, which may have no inputs then.
};

/// What of a model is called.
struct Callee {
  std::string operator_name;  ///< Of a model whose operators are called one by one; else empty.
  std::vector<std::string> outputs;  ///< Those that are wanted; empty: all, but a sequence's state.
  std::optional<SequenceCall> sequence = {};
};

/// POST /v2/models/NAME/versions/VERSION[/operators/OPERATOR]/infer, all tensors binary, the
/// outputs asked for as binary. Errors: InvalidArgument if a tensor's data is not as long as its
/// shape says, or has no name.
Result<channel::HttpRequest> encode_infer_request(std::string_view model, std::uint64_t version,
                                                  std::span<const Tensor> inputs,
                                                  const Callee& callee = {});
/// An answer's outputs, in order.
struct InferAnswer {
  std::vector<Tensor> outputs;
  std::string sequence_id;  ///< Of the sequence that goes on; empty if there is none.
};
/// Reads an answer whose outputs are binary.
/// Errors: Malformed, naming the output; an answer that is no success as `keys::parse_refusal` has
/// it.
Result<InferAnswer> parse_infer_response(const channel::HttpResponse& response);

/// An input or output of a served model; -1 is a side that the caller chooses.
struct ModelPort {
  std::string name;
  std::string datatype;
  std::vector<std::int64_t> shape;
};
/// What a worker says of a model that it serves.
struct ModelDescription {
  std::vector<std::uint64_t> versions;  ///< That are served.
  std::vector<ModelPort> inputs;
  std::vector<ModelPort> outputs;
};

/// GET /v2/models/NAME[/versions/VERSION]; version 0 is the highest that is served.
/// Errors: InvalidArgument for what is no model's name.
Result<channel::HttpRequest> encode_describe_request(std::string_view model, std::uint64_t version);
/// Errors: as `parse_infer_response`.
Result<ModelDescription> parse_description(const channel::HttpResponse& response);

}  // namespace torchkeep::client
