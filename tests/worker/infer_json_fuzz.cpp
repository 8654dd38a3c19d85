#include <algorithm>

#include "torchkeep/base/check.h"
#include "torchkeep/worker/infer_request.h"

/// Inference requests in JSON alone, against a model with each kind of input.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace torchkeep;
  using runtime::DataType;
  static const std::vector<runtime::Port> inputs = {
      {"f", DataType::Float32, {-1, 2}}, {"i", DataType::Int64, {-1}}, {"b", DataType::Bool, {}}};
  static const std::vector<runtime::Port> outputs = {{"y", DataType::Float32, {-1, 2}}};
  const auto request = worker::parse_infer_request({data, size}, std::nullopt, inputs, outputs);
  if (!request) return 0;
  if (!request->runs) return 0;
  TORCHKEEP_CHECK(request->inputs.size() == inputs.size());
  TORCHKEEP_CHECK(request->sequence || request->missing.empty());
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const runtime::Tensor& tensor = request->inputs[i];
    if (std::ranges::find(request->missing, i) != request->missing.end()) continue;
    TORCHKEEP_CHECK(tensor.data.size() == runtime::byte_count(tensor.dtype, tensor.shape).value());
  }
  return 0;
}
