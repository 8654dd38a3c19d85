#include "torchkeep/channel/internal/cbor.h"

#include "torchkeep/base/text.h"

namespace torchkeep::channel {
namespace {

constexpr std::uint8_t kOneByte = 24;  // the argument follows in 1, 2, 4 or 8 bytes
constexpr std::uint8_t kTwoBytes = 25;
constexpr std::uint8_t kFourBytes = 26;
constexpr std::uint8_t kEightBytes = 27;
constexpr unsigned kDeepest = 16;

enum Major : std::uint8_t { kUnsigned, kNegative, kBytes, kText, kArray, kMap, kTag, kSimple };

}  // namespace

void append_cbor_head(Bytes& out, CborType type, std::uint64_t argument) {
  const auto major = static_cast<std::uint8_t>(static_cast<unsigned>(type) << 5);
  const auto push = [&](std::uint8_t info) {
    out.push_back(static_cast<std::uint8_t>(major | info));
  };
  if (argument < kOneByte) {
    push(static_cast<std::uint8_t>(argument));
  } else if (argument <= 0xff) {
    push(kOneByte);
    out.push_back(static_cast<std::uint8_t>(argument));
  } else if (argument <= 0xffff) {
    push(kTwoBytes);
    append_be16(out, static_cast<std::uint16_t>(argument));
  } else if (argument <= 0xffffffff) {
    push(kFourBytes);
    append_be32(out, static_cast<std::uint32_t>(argument));
  } else {
    push(kEightBytes);
    append_be64(out, argument);
  }
}

void append_cbor_bytes(Bytes& out, ByteView bytes) {
  append_cbor_head(out, CborType::Bytes, bytes.size());
  append(out, bytes);
}

void append_cbor_text(Bytes& out, std::string_view text) {
  append_cbor_head(out, CborType::Text, text.size());
  append(out, as_bytes(text));
}

Result<CborReader::Head> CborReader::take_any_head(std::string_view field) {
  const std::uint8_t first = TRY(reader_.take_u8(field));
  const auto major = static_cast<std::uint8_t>(first >> 5);
  const std::uint8_t info = first & 0x1f;
  if (info < kOneByte) return Head{major, info};
  std::uint64_t argument = 0;
  std::uint64_t least = 0;  // what would not have fitted into a shorter head
  switch (info) {
    case kOneByte:
      argument = TRY(reader_.take_u8(field));
      least = kOneByte;
      break;
    case kTwoBytes:
      argument = TRY(reader_.take_be16(field));
      least = 0x100;
      break;
    case kFourBytes:
      argument = TRY(reader_.take_be32(field));
      least = 0x10000;
      break;
    case kEightBytes:
      argument = TRY(reader_.take_be64(field));
      least = 0x100000000;
      break;
    default: return malformed(field, ": an indefinite length or a reserved head");
  }
  if (major != kSimple && argument < least)
    return malformed(field, ": a head that is not shortest");
  return Head{major, argument};
}

Result<std::uint64_t> CborReader::take_head(CborType type, std::string_view field) {
  const Head head = TRY(take_any_head(field));
  if (head.major != static_cast<std::uint8_t>(type)) {
    return malformed(field, ": CBOR major type ", head.major, ", wanted ",
                     static_cast<unsigned>(type));
  }
  return head.argument;
}

Result<ByteView> CborReader::take_bytes(std::string_view field) {
  return reader_.take(TRY(take_head(CborType::Bytes, field)), field);
}

Result<ByteView> CborReader::take_text(std::string_view field) {
  return reader_.take(TRY(take_head(CborType::Text, field)), field);
}

Result<void> CborReader::skip_item(std::string_view field) { return skip_item(field, 0); }

Result<void> CborReader::skip_item(std::string_view field, unsigned depth) {
  if (depth == kDeepest) return malformed(field, ": nested too deep");
  const Head head = TRY(take_any_head(field));
  std::uint64_t items = 0;
  switch (head.major) {
    case kBytes:
    case kText: TRY(reader_.take(head.argument, field)); return {};
    case kArray: items = head.argument; break;
    case kMap:
      if (head.argument > reader_.rest().size())
        return malformed(field, ": more entries than bytes");
      items = 2 * head.argument;
      break;
    case kTag: items = 1; break;
    default: return {};
  }
  // Each item has a byte at least, so a count beyond what is left ends the loop early.
  for (; items > 0; --items) TRY(skip_item(field, depth + 1));
  return {};
}

Result<void> CborReader::finish(std::string_view field) const {
  if (!reader_.empty())
    return malformed(field, ": ", reader_.rest().size(), " bytes behind its end");
  return {};
}

}  // namespace torchkeep::channel
