#pragma once

#include "torchkeep/runtime/graph/graph.h"

/// ONNX's AttributeProto. Source: onnx.proto3.
namespace torchkeep::runtime::onnx {

/// An attribute; in a function, perhaps only the name of the call's attribute that it is.
struct GivenAttribute {
  graph::Attribute attribute;
  std::string_view of;  ///< Empty where the value is here.
};

/// Names, texts and graphs are views into `message`.
/// Errors: Malformed, also for lists that are longer than parse.h allows.
Result<GivenAttribute> parse_attribute(ByteView message);

}  // namespace torchkeep::runtime::onnx
