#pragma once

#include "torchkeep/worker/infer_request.h"
#include "torchkeep/worker/infer_response.h"
#include "torchkeep/worker/model_slot.h"

namespace torchkeep::worker {

/// One inference request as it is worked off, on the inference thread.
struct InferCall {
  ByteView body;
  std::optional<std::size_t> json_bytes;  ///< Inference-Header-Content-Length.
  AnswerHead head;
  std::optional<std::string> operator_name;  ///< Of what is called by itself.
};

/// Request body in, answer out.
/// Errors: Malformed, InvalidArgument, NotFound and Unavailable are the client's to read; Internal
/// tells nothing of what is inside a model.
Result<channel::HttpResponse> infer(InferCall call, Admission& admitted);

}  // namespace torchkeep::worker
