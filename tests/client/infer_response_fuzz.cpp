#include "torchkeep/base/check.h"
#include "torchkeep/client/infer_message.h"

// A hostile worker's answer: one byte for the status, one for the length's digits, the digits, the
// body. No input crashes, and each output is as long as its shape says.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace torchkeep;
  ByteReader reader(ByteView(data, size));
  const auto status = reader.take_u8("status");
  if (!status) return 0;
  const auto digits = reader.take_u8("digits");
  if (!digits) return 0;
  const auto length = reader.take(*digits, "length");
  if (!length) return 0;
  channel::HttpResponse response;
  response.status = 200u + *status;
  response.headers = {{"inference-header-content-length", to_string(*length)}};
  response.body.assign(reader.rest().begin(), reader.rest().end());
  const auto answer = client::parse_infer_response(response);
  if (!answer) return 0;
  for (const client::Tensor& output : answer->outputs) {
    const auto bytes = client::tensor_bytes(output.datatype, output.shape);
    TORCHKEEP_CHECK(bytes.ok() && *bytes == output.data.size());
  }
  return 0;
}
