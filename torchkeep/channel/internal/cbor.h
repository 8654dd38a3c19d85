#pragma once

#include "torchkeep/base/bytes.h"

/// The little of CBOR (RFC 8949) that RA-TLS evidence is made of: definite lengths, each head in
/// its shortest form, so that nothing can be spelled twice.
namespace torchkeep::channel {

enum class CborType : std::uint8_t {
  Unsigned = 0,
  Bytes = 2,
  Text = 3,
  Array = 4,
  Map = 5,
  Tag = 6
};

void append_cbor_head(Bytes& out, CborType type, std::uint64_t argument);
void append_cbor_bytes(Bytes& out, ByteView bytes);
void append_cbor_text(Bytes& out, std::string_view text);

/// Takes an encoded item apart from front to back. Errors of all: Malformed, naming `field`.
class CborReader {
 public:
  explicit CborReader(ByteView bytes) : reader_(bytes) {}
  /// The argument of a head of this type: a value, a length, a count or a tag.
  Result<std::uint64_t> take_head(CborType type, std::string_view field);
  Result<ByteView> take_bytes(std::string_view field);
  Result<ByteView> take_text(std::string_view field);
  /// Drops one whole item of any kind but indefinite ones, nested at most 16 deep.
  Result<void> skip_item(std::string_view field);
  Result<void> finish(std::string_view field) const;

 private:
  struct Head {
    std::uint8_t major;
    std::uint64_t argument;
  };
  Result<Head> take_any_head(std::string_view field);
  Result<void> skip_item(std::string_view field, unsigned depth);
  ByteReader reader_;
};

}  // namespace torchkeep::channel
