#pragma once

#include "torchkeep/channel/http.h"
#include "torchkeep/worker/infer_request.h"

namespace torchkeep::worker {

/// What an answer says beside its tensors.
struct AnswerHead {
  std::string model;
  std::uint64_t version = 0;
  std::string id;           ///< The request's; empty if it had none.
  std::string sequence_id;  ///< Of the sequence that goes on; empty if there is none.
};

/// The answer to one inference: JSON, and behind it the outputs that were asked for in binary.
/// `ports` and `tensors` are the model's outputs, in its order.
/// Errors: InvalidArgument, naming the output, if it has no JSON form.
Result<channel::HttpResponse> encode_infer_response(const AnswerHead& head,
                                                    std::span<const RequestedOutput> asked,
                                                    std::span<const runtime::Port> ports,
                                                    std::span<const runtime::Tensor> tensors);

/// {"error":TEXT}, as the protocol has it.
channel::HttpResponse error_response(unsigned status, std::string_view message);

}  // namespace torchkeep::worker
