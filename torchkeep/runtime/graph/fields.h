#pragma once

#include "torchkeep/runtime/graph/wire.h"

/// Fields that hold a message or a text; for the parsers of this folder.
namespace torchkeep::runtime::onnx {

/// A view into what the field was read from; `what` names it. Errors: Malformed if it is of another
/// wire type.
inline Result<ByteView> as_message(const wire::Field& field, std::string_view what) {
  TRY(wire::expect(field, wire::WireType::Bytes, what));
  return field.bytes;
}

inline Result<std::string_view> as_name(const wire::Field& field, std::string_view what) {
  TRY(wire::expect(field, wire::WireType::Bytes, what));
  return field.as_text();
}

}  // namespace torchkeep::runtime::onnx
