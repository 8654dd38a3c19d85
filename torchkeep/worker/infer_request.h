#pragma once

#include <optional>
#include <span>
#include <string>

#include "torchkeep/base/bytes.h"
#include "torchkeep/runtime/tensor.h"
#include "torchkeep/worker/sequence_call.h"

/// Inference requests of the Open Inference Protocol, with its binary tensor extension.
/// Source: kserve/open-inference-protocol, inference_rest.md; triton-inference-server,
/// extension_binary_data.md; our docs/formats/inference-api.md.
namespace torchkeep::worker {

struct RequestedOutput {
  std::size_t index = 0;  ///< Among the model's outputs.
  bool binary = false;
};

struct InferRequest {
  std::string id;                        ///< Empty if there is none.
  std::vector<runtime::Tensor> inputs;   ///< In the order of the model's.
  std::vector<RequestedOutput> outputs;  ///< In the order asked for; all, if none was named.
  bool outputs_named = false;
  std::optional<SequenceCall> sequence;
  /// Inputs that were not sent, whose tensors are empty. Of a sequence only: they are its state's.
  std::vector<std::size_t> missing;
  bool runs = true;  ///< False: it ends a sequence and does nothing else.
};

/// `json_bytes` is Inference-Header-Content-Length; without it the whole body is JSON. A tensor's
/// bytes are copied once, from the body into its own memory.
/// Errors: Malformed, naming the input or output and what is wanted, never a value of a tensor.
Result<InferRequest> parse_infer_request(ByteView body, std::optional<std::size_t> json_bytes,
                                         std::span<const runtime::Port> inputs,
                                         std::span<const runtime::Port> outputs);

}  // namespace torchkeep::worker
