#pragma once

#include <optional>

#include "torchkeep/base/bytes.h"
#include "torchkeep/base/secret.h"

/// The protobuf wire format, as much of it as ONNX uses. Written by hand: reading through views
/// leaves the parameters where they are, and nothing of a secret graph is left in a library's
/// unwiped heap.
/// Source: protobuf.dev, "Encoding".
namespace torchkeep::runtime::wire {

enum class WireType : std::uint8_t { Varint = 0, Fixed64 = 1, Bytes = 2, Fixed32 = 5 };

struct Field {
  std::uint32_t number = 0;
  WireType type = WireType::Varint;
  std::uint64_t value = 0;  ///< Of Varint, Fixed64 and Fixed32.
  ByteView bytes;           ///< Of Bytes: a view into the message.
  ByteView whole;           ///< The field as it stands, with its key.

  std::int64_t as_int() const { return static_cast<std::int64_t>(value); }
  float as_float() const;
  std::string_view as_text() const { return torchkeep::as_text(bytes); }
};

/// Takes one message apart, field by field.
class Reader {
 public:
  explicit Reader(ByteView message) : left_(message) {}

  /// The next field, or nothing at the end. Errors: Malformed; groups, dead since 2008, among them.
  Result<std::optional<Field>> next();

 private:
  Result<std::uint64_t> take_varint();
  ByteView left_;
};

/// Appends the integers of a repeated field, be it packed or one by one.
/// Errors: Malformed; also above `max_count` in all.
Result<void> append_ints(const Field& field, std::vector<std::int64_t>& out, std::size_t max_count);
Result<void> append_floats(const Field& field, std::vector<float>& out, std::size_t max_count);

/// Errors: Malformed if the field is not of that wire type; `what` names it.
Result<void> expect(const Field& field, WireType type, std::string_view what);

// Writing; a message is put together in memory that is wiped.
void append_varint(SecretBuffer& out, std::uint64_t value);
void append_int(SecretBuffer& out, std::uint32_t number, std::int64_t value);
void append_field(SecretBuffer& out, std::uint32_t number, ByteView bytes);

}  // namespace torchkeep::runtime::wire
