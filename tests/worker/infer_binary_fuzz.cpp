#include "torchkeep/base/check.h"
#include "torchkeep/worker/infer_request.h"

/// Inference requests with binary tensors: LE16 length of the JSON, JSON, tensors.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace torchkeep;
  using runtime::DataType;
  static const std::vector<runtime::Port> inputs = {{"f", DataType::Float32, {-1, 2}},
                                                    {"b", DataType::Bool, {-1}}};
  static const std::vector<runtime::Port> outputs = {{"y", DataType::Float32, {-1, 2}}};
  if (size < 2) return 0;
  const ByteView input(data, size);
  const auto request =
      worker::parse_infer_request(input.subspan(2), load_le16(input.first(2)), inputs, outputs);
  if (!request) return 0;
  for (const runtime::Tensor& tensor : request->inputs) {
    TORCHKEEP_CHECK(tensor.data.size() == runtime::byte_count(tensor.dtype, tensor.shape).value());
  }
  return 0;
}
