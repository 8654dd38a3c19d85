#pragma once

#include <vector>

#include "torchkeep/base/file.h"
#include "torchkeep/base/text.h"

/// ONNX's conformance cases: a folder each with model.onnx and test_data_set_*/{input,output}_*.pb.
/// Source: github.com/onnx/onnx, docs/OnnxBackendTest.md.
namespace torchkeep::cli {

struct Outcome {
  enum class Kind { Passed, Refused, Failed } kind = Kind::Passed;
  std::string operator_name;  ///< Of Refused: whose operator, or the reason if it is no operator.
  std::string reason;         ///< Of Refused: the engine's words. Of Failed: the difference.
};

/// All folders of cases in `folder`, itself among them, sorted.
/// Errors: InvalidArgument if it is no folder, or there is none in it; Unavailable.
Result<std::vector<Path>> find_cases(const Path& folder);

/// Runs all data sets of a case in this process. What the engine does not take is refused, not
/// failed; what random operators make is compared by type and shape.
Outcome run_case(const Path& folder, int threads);
/// The same in a process of its own: a crash is this case's failure alone. For a process without
/// threads.
Outcome run_case_isolated(const Path& folder, int threads);

}  // namespace torchkeep::cli
