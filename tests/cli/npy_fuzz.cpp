#include "torchkeep/cli/npy.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto array = torchkeep::cli::parse_npy({data, size});
  if (array) {
    const auto again = torchkeep::cli::parse_npy(torchkeep::cli::encode_npy(*array));
    TORCHKEEP_CHECK(again.ok() && again->shape == array->shape && again->data == array->data);
  }
  return 0;
}
