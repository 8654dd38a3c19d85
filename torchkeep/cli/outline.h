#pragma once

#include <map>
#include <set>

#include "torchkeep/base/file.h"

/// What stands in a model's graph beside what the engine makes of it: also of graphs that the
/// engine refuses.
namespace torchkeep::cli {

struct Outline {
  /// Of all nodes, those of subgraphs and local functions too.
  std::set<std::string, std::less<>> operators;
  /// A Dropout with an input that may switch training on.
  bool has_dropout_in_training = false;
  /// Of each input, the names of its dimensions; "" for one that has none, or a number.
  std::map<std::string, std::vector<std::string>, std::less<>> dimension_names;
};

/// Reads the graph of an .onnx file, not its parameters.
/// Errors: NotFound, Unavailable; Malformed if it is no ONNX model that can be read.
Result<Outline> load_outline(const Path& model);
/// The same from a ModelProto.
Result<Outline> parse_outline(ByteView message);

}  // namespace torchkeep::cli
