#include "torchkeep/runtime/payload.h"

#include <algorithm>
#include <array>
#include <new>

#include "torchkeep/base/text.h"

namespace torchkeep::runtime {

std::uint64_t PayloadHeader::padding_bytes() const {
  if (data_bytes == 0) return 0;
  const std::uint64_t used = (kPayloadHeaderBytes + graph_bytes) % kPayloadAlignment;
  return used == 0 ? 0 : kPayloadAlignment - used;
}

std::uint64_t PayloadHeader::total_bytes() const {
  return kPayloadHeaderBytes + graph_bytes + padding_bytes() + data_bytes;
}

Bytes encode_payload_header(const PayloadHeader& header) {
  Bytes out;
  out.reserve(kPayloadHeaderBytes);
  append(out, as_bytes(kPayloadMagic));
  append_le64(out, header.graph_bytes);
  append_le64(out, header.data_bytes);
  return out;
}

Result<PayloadHeader> parse_payload_header(ByteView bytes, std::uint64_t payload_bytes) {
  ByteReader reader(bytes);
  const ByteView magic = TRY(reader.take(kPayloadMagic.size(), "payload magic"));
  if (!equal(magic, as_bytes(kPayloadMagic))) return malformed("payload does not begin with TKP1");
  PayloadHeader header;
  header.graph_bytes = TRY(reader.take_le64("graph length"));
  header.data_bytes = TRY(reader.take_le64("data length"));
  if (header.graph_bytes > kMaxGraphBytes) {
    return malformed("graph has ", header.graph_bytes, " bytes, at most ", kMaxGraphBytes,
                     " are allowed");
  }
  // Checked before anything is added to it, so that no sum wraps around.
  if (header.data_bytes > payload_bytes || header.total_bytes() != payload_bytes) {
    return malformed("graph of ", header.graph_bytes, " and data of ", header.data_bytes,
                     " bytes do not make a payload of ", payload_bytes);
  }
  return header;
}

Result<Payload> load_payload(const PayloadSource& source, std::uint64_t payload_bytes) {
  if (payload_bytes < kPayloadHeaderBytes) return malformed("payload is too short");
  std::array<std::uint8_t, kPayloadHeaderBytes> start;
  TRY(source(start));
  const PayloadHeader header = TRY(parse_payload_header(start, payload_bytes));
  try {
    Payload payload{SecretBytes(header.graph_bytes), SecretBytes(header.data_bytes)};
    TRY(source(payload.graph.expose()));
    std::array<std::uint8_t, kPayloadAlignment> padding;
    const MutableByteView between = MutableByteView(padding).first(header.padding_bytes());
    if (!between.empty()) TRY(source(between));
    if (std::ranges::any_of(between, [](std::uint8_t byte) { return byte != 0; })) {
      return malformed("padding before the payload's data is not zero");
    }
    if (header.data_bytes != 0) TRY(source(payload.data.expose()));
    return payload;
  } catch (const std::bad_alloc&) {
    return unavailable("no memory for a payload of ", payload_bytes, " bytes");
  }
}

}  // namespace torchkeep::runtime
