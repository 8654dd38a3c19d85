#pragma once

#include <map>
#include <string>

#include "torchkeep/cli/outline.h"
#include "torchkeep/runtime/tensor.h"

/// Inputs for measuring a model of which nothing but its graph is known.
namespace torchkeep::cli {

/// What the user says about dimensions that the model leaves open.
struct Sizes {
  std::int64_t batch = 1;  ///< Of open first dimensions without a name of their own below.
  std::map<std::string, std::int64_t, std::less<>> named;  ///< --dim NAME=N
};

/// A shape for `port`, whose dimensions are called `names` (fewer, or "", where they have none).
/// Other open dimensions are 1.
/// Errors: InvalidArgument if the model fixes a first dimension that `sizes.batch` contradicts.
Result<runtime::Shape> choose_shape(const runtime::Port& port,
                                    const std::vector<std::string>& names, const Sizes& sizes);

/// Seeded numbers that no model stumbles over: normal ones for floats, all there are for bytes, 0
/// and 1 for other integers (they are token ids, lengths, kinds), true for truth values (masks).
Result<runtime::Tensor> make_ordinary(runtime::DataType dtype, runtime::Shape shape,
                                      std::uint32_t seed);

/// `arguments` are NAME=N. Errors: InvalidArgument for anything else, or a name that no dimension
/// has, saying which there are.
Result<Sizes> parse_sizes(std::int64_t batch, const std::vector<std::string>& arguments,
                          const Outline& outline);

/// A tensor for each port: from the file that an argument NAME=FILE names, or ordinary numbers.
/// Errors: as `match_inputs`, `load_input`, `choose_shape` and `make_ordinary`.
Result<std::vector<runtime::Tensor>> make_inputs(std::span<const runtime::Port> ports,
                                                 const std::vector<std::string>& arguments,
                                                 const Outline& outline, const Sizes& sizes);

}  // namespace torchkeep::cli
