#pragma once

#include <atomic>
#include <memory>
#include <span>

#include "torchkeep/keys/messages.h"
#include "torchkeep/runtime/carried.h"
#include "torchkeep/runtime/parts.h"
#include "torchkeep/worker/model_config.h"
#include "torchkeep/worker/repository.h"

/// The two doors behind which a model is: how it gets into memory, and what it can do there.
namespace torchkeep::worker {

/// A model in memory, whose parameters are wiped when it goes. One call at a time.
class Engine {
 public:
  virtual ~Engine() = default;
  virtual const std::vector<runtime::Port>& inputs() const = 0;
  virtual const std::vector<runtime::Port>& outputs() const = 0;
  virtual std::uint64_t parameter_bytes() const = 0;
  /// Errors: as `runtime::Model::run`.
  virtual Result<std::vector<runtime::Tensor>> run(std::span<const runtime::Tensor> inputs) = 0;
  /// Runs once with state of a run before, and leaves state for the next.
  /// Errors: as `runtime::Carried::run`; the state is then as it was.
  virtual Result<std::vector<runtime::Tensor>> run(std::vector<runtime::Tensor> inputs,
                                                   runtime::Carried& state) = 0;
  /// What may be called by itself, by name; empty for a model that is run whole.
  virtual std::span<const runtime::Part> operators() const = 0;
  /// Errors: as `runtime::Model::run_operator`.
  virtual Result<std::vector<runtime::Tensor>> run_operator(
      std::size_t index, std::span<const runtime::Tensor> inputs) = 0;
};

/// *Used on one thread.*
class ModelLoader {
 public:
  virtual ~ModelLoader() = default;
  /// Loads what stands at `place` if it is exactly what `key`'s owner signed. Ends early, with
  /// Unavailable, once `abandoned` is set.
  /// Errors: NotFound, Unavailable; Malformed; Untrusted; Denied if its operators are to be called
  /// one by one and the owner's policy does not allow it. They end up in a log that the host reads,
  /// so they tell nothing of what is inside the container.
  virtual Result<std::unique_ptr<Engine>> load(const ModelPlace& place, const ModelConfig& config,
                                               const keys::ReleasedKey& key,
                                               const std::atomic<bool>& abandoned) = 0;
};

}  // namespace torchkeep::worker
