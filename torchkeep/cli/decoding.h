#pragma once

#include "torchkeep/runtime/model.h"

/// How fast a language model goes on, a token at a time, its caches with it.
namespace torchkeep::cli {

struct Decoding {
  // Medians of steps, each one longer than the last: of a length that was never there before, and
  // of the same once more.
  double known_ms = 0, new_ms = 0;
  double memory_rate = 0;        ///< Bytes a second, of memory beyond all caches, in the same run.
  /// Of parameters and state as they are stored, for one step. State that is brought together or
  /// spread by a step of its own, before a product or attention reads it, is not among it.
  std::uint64_t read_bytes = 0;

  double tokens_per_second() const { return 1000 / new_ms; }
  double read_rate() const { return static_cast<double>(read_bytes) / known_ms * 1000; }
};

/// The outputs behind the first become the last inputs, in order, which is how exporters write
/// caches. `inputs` hold a step's.
/// Errors: InvalidArgument if they cannot; as `runtime::Model::run`.
Result<Decoding> measure_decoding(runtime::Model& model, std::span<const runtime::Tensor> inputs,
                                  std::uint64_t runs, int threads);

}  // namespace torchkeep::cli
