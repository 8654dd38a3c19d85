#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <span>

#include "torchkeep/base/file.h"
#include "torchkeep/runtime/carried.h"
#include "torchkeep/runtime/parts.h"
#include "torchkeep/runtime/payload.h"
#include "torchkeep/runtime/tensor.h"

/// Runs a model: payload bytes in, tensors in, tensors out. Knows no key and no network.
/// Graph and parameters are checked before they are trusted; parameters live in secret memory.
namespace torchkeep::runtime {

struct ModelOptions {
  int threads = 1;                                              ///< That one `run` may use.
  std::uint64_t max_activation_bytes = std::uint64_t{4} << 30;  ///< For one set of input shapes.
  std::size_t max_plans = 16;                                   ///< Shapes whose plans are kept.
  std::chrono::milliseconds max_run_time{0};                    ///< Of one `run`; 0: no limit.
  bool by_operator = false;  ///< Its operators are called one by one, and never all of it.
};

/// A loaded model. *Thread-safe*: calls of `run` wait for each other.
class Model {
 public:
  /// Reads a payload of `payload_bytes` bytes, front to back and once, from `source`.
  /// Errors: Malformed, naming node and operator where one is at fault: bytes that are no payload,
  /// a graph that breaks its own rules, an operator or a use of one that the engine does not have;
  /// Unavailable if memory is short; whatever `source` fails with.
  static Result<std::unique_ptr<Model>> load(const PayloadSource& source,
                                             std::uint64_t payload_bytes,
                                             const ModelOptions& options = {});
  /// The same from an .onnx file in clear, with its external data beside it.
  /// Errors: also NotFound, Unavailable.
  static Result<std::unique_ptr<Model>> load_onnx(const Path& path,
                                                  const ModelOptions& options = {});
  ~Model();
  Model(const Model&) = delete;
  Model& operator=(const Model&) = delete;

  const std::vector<Port>& inputs() const;
  const std::vector<Port>& outputs() const;
  /// What may be called by itself, by name; empty for a model that is run whole.
  std::span<const Part> operators() const;
  /// Bytes of the parameters in memory, as packed for this machine.
  std::uint64_t parameter_bytes() const;

  /// What the last run took; before the first, what one of the shapes that were guessed would.
  struct Cost {
    std::uint64_t arena_bytes = 0;  ///< For everything between inputs and outputs.
    double flops = 0;               ///< Of convolutions and matrix products.
    /// That those read of parameters and state, as they are stored. Of a table that is only looked
    /// up in, nothing.
    std::uint64_t read_bytes = 0;
  };
  Cost last_cost();

  /// Runs once. `inputs` stand in the order of `inputs()`; the answer in that of `outputs()`.
  /// A set of input shapes seen for the first time costs some milliseconds of planning.
  /// Errors: InvalidArgument for a wrong count, type, shape or size of an input; Malformed if the
  /// model cannot run on these shapes, naming the node; Unavailable if memory is short or the run
  /// takes longer than `max_run_time`; how much later it may end, docs/runtime.md says ("Limits").
  Result<std::vector<Tensor>> run(std::span<const Tensor> inputs);
  /// The same into `outputs`, whose memory is used again where an output has its size: a caller
  /// that hands in the last answer saves the memory for the next. After an error they hold nothing
  /// of use.
  Result<void> run(std::span<const Tensor> inputs, std::vector<Tensor>& outputs);
  /// Runs once with the state that a run before left, and leaves it for the next; at first all
  /// `inputs` are the caller's, later those of the state are not looked at. Errors: as both `run`.
  Result<std::vector<Tensor>> run(std::vector<Tensor> inputs, Carried& state);
  /// Runs `operators()[index]` once, on its inputs alone. Errors: as `run`; each of the two also
  /// refuses, with InvalidArgument, a model that was loaded for the other.
  Result<std::vector<Tensor>> run_operator(std::size_t index, std::span<const Tensor> inputs);

 private:
  struct State;
  explicit Model(std::unique_ptr<State> state);
  static Result<std::unique_ptr<Model>> make(Payload payload, const ModelOptions& options);
  std::unique_ptr<State> state_;
};

}  // namespace torchkeep::runtime
