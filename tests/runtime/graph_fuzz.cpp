// Graph bytes of anybody's making: read, checked, optimised, planned, and run if that costs little.
#include <cstddef>
#include <cstdint>

#include "tests/runtime/graph_builder.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace torchkeep;
  using namespace torchkeep::runtime;
  constexpr std::size_t kDataBytes = 16384;
  constexpr std::uint64_t kMaxBytes = std::uint64_t{1} << 18;
  const PayloadHeader header{size, kDataBytes};
  const Bytes start = encode_payload_header(header);
  SecretBuffer payload(start.begin(), start.end());
  payload.insert(payload.end(), data, data + size);
  payload.resize(payload.size() + header.padding_bytes(), 0);
  for (std::size_t i = 0; i < kDataBytes / 4;
       ++i) {  // small ordinary floats; as integers they are absurd
    const auto bits = std::bit_cast<std::uint32_t>(static_cast<float>(i % 17) / 16);
    for (unsigned k = 0; k < 4; ++k) payload.push_back(static_cast<std::uint8_t>(bits >> (8 * k)));
  }
  const auto model = runtime::testing::load(
      payload, {.threads = 1, .max_activation_bytes = kMaxBytes, .max_plans = 1});
  if (!model) return 0;
  std::vector<Tensor> inputs;
  for (const Port& port : (*model)->inputs()) {
    Shape shape = port.shape;
    for (std::int64_t& dimension : shape) dimension = dimension == -1 ? 2 : dimension;
    const auto bytes = byte_count(port.dtype, shape);
    if (!bytes || *bytes > kMaxBytes) return 0;
    inputs.push_back(Tensor(port.dtype, shape, SecretBuffer(*bytes, 1)));
  }
  (void)(*model)->run(inputs);
  return 0;
}
