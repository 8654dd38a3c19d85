#pragma once

#include <algorithm>

#include "torchkeep/base/mutex.h"
#include "torchkeep/runtime/growth.h"
#include "torchkeep/runtime/kernels/registry.h"
#include "torchkeep/runtime/model.h"
#include "torchkeep/runtime/plan/program.h"
#include "torchkeep/runtime/ports.h"

/// What a loaded model holds; for the model's own sources.
namespace torchkeep::runtime {

struct Model::State {
  static constexpr int kMaxThreads = 256;

  State(SecretBytes bytes, const ModelOptions& wanted)
      : graph_bytes(std::move(bytes)),
        options(wanted),
        pool(std::clamp(wanted.threads, 1, kMaxThreads)) {}

  Result<void> prepare(const std::shared_ptr<SecretBytes>& data);
  void make_programs() REQUIRES(mutex);
  /// For one run, whose time begins now.
  plan::Context context_of_run() REQUIRES(mutex) {
    return {machine, pool, options.max_activation_bytes, Deadline(options.max_run_time)};
  }
  Result<void> plan_for(const std::vector<Shape>& shapes) REQUIRES(mutex);
  /// Packs the weights for a batch of one, or for the first of `batches` if that can not be.
  /// Errors: that of a batch of one, if no size can be planned.
  Result<void> plan_first(std::span<const std::int64_t> batches) REQUIRES(mutex);
  Result<void> run(std::size_t index, std::span<const Tensor> inputs, std::vector<Tensor>& outputs);
  /// None if state is to be carried by the answers of ordinary runs.
  Growth* find_growth(std::span<const Link> links) REQUIRES(mutex);
  Result<std::optional<std::vector<Tensor>>> run_growing(std::span<const Tensor> inputs,
                                                         Carried& state);
  std::uint64_t parameter_bytes() const;
  Cost last_cost();

  const SecretBytes graph_bytes;  // first: the graph's names are views into it
  const ModelOptions options;
  graph::Graph graph;
  std::vector<bool> known_inputs;  // for each input, whether its elements decide shapes
  std::vector<Part> parts;         // one, of the whole, or the operators

  Mutex mutex;  // one run at a time; `graph` and the parts never change after loading
  Pool pool GUARDED_BY(mutex);
  dnn::Machine machine GUARDED_BY(mutex);
  std::vector<kernels::KernelPointer> kernels GUARDED_BY(mutex);
  SecretBytes arena GUARDED_BY(mutex);                                     // of all programs
  std::vector<std::unique_ptr<plan::Program>> programs GUARDED_BY(mutex);  // for each part
  plan::Cost last GUARDED_BY(mutex);
  std::vector<Growth> growths GUARDED_BY(mutex);    // for sets of links, of which there are few
  std::vector<plan::View> views GUARDED_BY(mutex);  // of the inputs, and which are known: both keep
  std::vector<bool> known GUARDED_BY(mutex);        // their memory from run to run
  std::uint64_t loaded_bytes = 0;
};

/// Errors: Malformed if what a run made, or will make, is not what the model promises.
template <typename Outputs>
Result<void> check_outputs(std::span<const Port> ports, const Outputs& outputs) {
  for (std::size_t i = 0; i < ports.size(); ++i)
    TRY(check_output(ports[i], {outputs[i].dtype, outputs[i].shape}));
  return {};
}

}  // namespace torchkeep::runtime
