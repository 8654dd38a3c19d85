#pragma once

#include "tests/runtime/graph_builder.h"

/// A loop's body, for the tests of loops.
namespace torchkeep::runtime::testing {

inline Message graph_attribute(std::string_view name, const Message& graph) {
  return Message().text(1, name).message(6, graph).number(20, 5);
}

/// Carries v [2], which it doubles, and hands out what it was each time.
inline Message doubling_body() {
  return Message()
      .message(11, port("i", {}, DataType::Int64))
      .message(11, port("go", {}, DataType::Bool))
      .message(11, port("v", {2}))
      .message(1, node("Add", {"v", "v"}, {"w"}))
      .message(1, node("Identity", {"go"}, {"on"}))
      .message(1, node("Identity", {"w"}, {"seen"}))
      .message(12, port("on", {}, DataType::Bool))
      .message(12, port("w", {2}))
      .message(12, port("seen", {2}));
}

}  // namespace torchkeep::runtime::testing
