#pragma once

#include <string>
#include <vector>

#include "torchkeep/base/file.h"

/// Arrays as NumPy stores them (.npy, format 1.0 and 2.0): little-endian, row-major.
/// Source: NumPy Enhancement Proposal 1.
namespace torchkeep::cli {

struct NpyArray {
  std::string datatype;              ///< As the Open Inference Protocol spells it: "FP32".
  std::vector<std::uint64_t> shape;
  SecretBuffer data;                 ///< A client's inputs and answers are secrets.
};

/// Errors: Malformed, saying what is wrong and how to store it instead.
Result<NpyArray> parse_npy(ByteView bytes);
SecretBuffer encode_npy(const NpyArray& array);

/// Errors: also those of `load_file`, `store_file`.
Result<NpyArray> load_npy(const Path& path);
Result<void> store_npy(const Path& path, const NpyArray& array);

}  // namespace torchkeep::cli
