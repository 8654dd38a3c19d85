#pragma once

#include <functional>

#include "torchkeep/base/file.h"
#include "torchkeep/quantise/difference.h"
#include "torchkeep/quantise/products.h"

/// Makes a model small and fast on its owner's machine, before it is protected: an .onnx file in,
/// an .onnx file with quantised numbers out, which any runtime reads.
namespace torchkeep::quantise {

enum class Way {
  Weights,  ///< Weights alone are stored with fewer bits; activations and sums are floats.
  Dynamic,  ///< Activations are quantised as each run finds them; products are of integers.
  Static,   ///< Activations are quantised by ranges that samples showed; integers from end to end.
};

struct Order {
  Path model, output;
  Way way = Way::Weights;
  int bits = 8;            ///< Of weights: 8, or 4 with Way::Weights.
  std::size_t block = 32;  ///< With 4 bits: how many weights of a column share a scale.
  double percentile =
      100;  ///< With Way::Static: of each activation's numbers that the range holds.
  /// With Way::Static: also between a convolution and a sum, where the engine is faster and nearer
  /// without; ONNX Runtime multiplies with integers only where they are written.
  bool portable = false;
  bool replace = false;  ///< An existing output.
  int threads = 1;
};

struct Report {
  std::uint64_t bytes_before = 0, bytes_after = 0;  ///< With external data.
  Path data;  ///< The output's file of external data; empty if there is none.
  std::int64_t opset_before = 0, opset_after = 0;
  std::map<std::string, std::size_t> rewritten;  ///< Operators that the newer operator set changed.
  std::map<std::string, std::size_t> quantised;  ///< Operators, counted.
  std::vector<Left> left;
  std::vector<Difference> differences;  ///< Of each output.
  std::size_t samples = 0;              ///< On how many.
};

/// Says what to run the model on, once its inputs are known.
using SampleMaker = std::function<Result<Samples>(const std::vector<runtime::Port>& inputs)>;

/// Called with how much of the work is done, 0 to 1.
using Ticks = std::function<void(double part)>;

/// Quantises, stores, runs both models on samples and says how they differ. With Way::Static the
/// samples also show the ranges, so they must be ordinary inputs of the model.
/// The output takes its place when both have run; after an error what was there before still is.
/// Errors: NotFound, Unavailable; Malformed if the engine cannot run the model, or a weight or an
/// activation is NaN or infinite; InvalidArgument, with the way out: there is no layer to
/// quantise, the model is quantised already, its operator set cannot be raised, the output is
/// there already.
Result<Report> quantise(const Order& order, const SampleMaker& make_samples,
                        const Ticks& ticks = {});

}  // namespace torchkeep::quantise
