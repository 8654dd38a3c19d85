#pragma once

#include "torchkeep/runtime/kernels/registry.h"

/// What a model's inputs may be, before anybody has sent one: its weights are packed for the first
/// guess that can be planned, and a model that no guess suits is refused when it is loaded.
namespace torchkeep::runtime {

/// The inputs' shapes with `batch` for each first side that the caller chooses.
struct Guess {
  std::vector<Shape> shapes;
  bool has_batch = false;  ///< There is such a side.
  bool is_bold = false;    ///< More than those sides was guessed.
};
Guess guess_shapes(const std::vector<Port>& ports, std::int64_t batch);

/// Which inputs decide shapes by their elements, like the new shape of a Reshape that the caller
/// hands in. `kernels` are those of the graph's nodes.
std::vector<bool> find_known_inputs(const graph::Graph& graph,
                                    std::span<const kernels::KernelPointer> kernels);

/// Batches that a graph may have been exported with, and that may be the only ones which it can
/// compute: sizes that its constants name, in new shapes before sides of parameters. They are few.
std::vector<std::int64_t> named_batches(const graph::Graph& graph);

}  // namespace torchkeep::runtime
