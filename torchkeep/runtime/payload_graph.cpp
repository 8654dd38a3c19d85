#include "torchkeep/runtime/payload_graph.h"

#include <algorithm>

#include "torchkeep/base/text.h"

namespace torchkeep::runtime {
namespace {

using onnx::TensorProto;
using wire::Field;

constexpr std::int64_t kExternal = 1;

void append_text(SecretBuffer& out, std::uint32_t number, std::string_view text) {
  wire::append_field(out, number, as_bytes(text));
}

void append_external_entry(SecretBuffer& out, std::string_view key, std::string_view value) {
  SecretBuffer entry;
  append_text(entry, 1, key);
  append_text(entry, 2, value);
  wire::append_field(out, 13, entry);
}

// An initializer as docs/formats/payload.md has it.
SecretBuffer encode_initializer(const TensorProto& tensor, std::uint64_t offset) {
  SecretBuffer out;
  for (const std::int64_t size : tensor.shape) wire::append_int(out, 1, size);
  wire::append_int(out, 2, static_cast<std::int64_t>(tensor.dtype));
  append_text(out, 8, tensor.name);
  append_external_entry(out, "location", "payload");
  append_external_entry(out, "offset", text(offset));
  append_external_entry(out, "length", text(tensor.byte_count));
  wire::append_int(out, 14, kExternal);
  return out;
}

/// A message without its fields `left_out`.
Result<SecretBuffer> without(ByteView message, std::initializer_list<std::uint32_t> left_out) {
  SecretBuffer out;
  wire::Reader reader(message);
  while (const std::optional<Field> field = TRY(reader.next())) {
    if (std::ranges::find(left_out, field->number) != left_out.end()) continue;
    append(out, field->whole);
  }
  return out;
}

}  // namespace

Result<SecretBuffer> encode_payload_graph(ByteView model, ByteView graph,
                                          std::span<const TensorProto> tensors,
                                          std::span<const std::uint64_t> offsets, ByteView more) {
  // NodeProto 6, GraphProto 2 (a name), 10, 13 and 14 say nothing to an engine.
  SecretBuffer encoded;
  wire::Reader reader(graph);
  while (const std::optional<Field> field = TRY(reader.next())) {
    switch (field->number) {
      case 1: wire::append_field(encoded, 1, TRY(without(field->bytes, {6}))); break;
      case 2:
      case 5:
      case 10:
      case 13:
      case 14: break;
      default: append(encoded, field->whole);
    }
  }
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    wire::append_field(encoded, 5, encode_initializer(tensors[i], offsets[i]));
  }
  append(encoded, more);
  SecretBuffer out;
  wire::Reader outer(model);
  while (const std::optional<Field> field = TRY(outer.next())) {
    const bool kept = field->number == 1 || field->number == 8 || field->number == 25;
    if (kept) append(out, field->whole);
  }
  wire::append_field(out, 7, encoded);
  return out;
}

}  // namespace torchkeep::runtime
