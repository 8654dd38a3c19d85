#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "torchkeep/base/result.h"

/// Takes the tensors' elements out of an inference request's JSON before it becomes a tree, whose
/// memory is not wiped: a client's data stays in the request's body and goes from there straight
/// into tensors.
namespace torchkeep::worker {

struct SplitJson {
  std::string skeleton;  ///< The document, with the place in `data` (0, 1, ...) for each array.
  std::vector<std::string_view> data;  ///< inputs[i].data, from "[" to "]"; views of the document.
};

/// Splits only; what JSON is, the parser of the skeleton says.
/// Errors: Malformed if brackets or strings do not close, if nesting is above 32 levels, or for
/// "data" that is no array.
Result<SplitJson> split_json(std::string_view document);

}  // namespace torchkeep::worker
