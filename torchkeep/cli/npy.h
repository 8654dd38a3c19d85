#pragma once

#include <string>
#include <string_view>
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

/// Whether NumPy has a type of its own for what the protocol calls `datatype`.
bool npy_has(std::string_view datatype);

/// Errors: Malformed, saying what is wrong and how to store it instead.
Result<NpyArray> parse_npy(ByteView bytes);
/// `array.datatype` is one that NumPy has.
SecretBuffer encode_npy(const NpyArray& array);

/// Errors: also those of `load_file`, `store_file`.
Result<NpyArray> load_npy(const Path& path);
Result<void> store_npy(const Path& path, const NpyArray& array);

}  // namespace torchkeep::cli
