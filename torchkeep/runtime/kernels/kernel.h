#pragma once

#include "torchkeep/runtime/plan/builder.h"

/// What the engine knows about an operator.
namespace torchkeep::runtime::kernels {

/// One node of a loaded model: its attributes, checked, and what it packed of its parameters.
/// *Not thread-safe.*
class Kernel {
 public:
  virtual ~Kernel() = default;

  /// Says what comes out of these inputs, and adds the steps that make it. Called once for each set
  /// of input shapes. Errors: Malformed for types, shapes and values that the operator does not
  /// take.
  virtual Result<void> plan(plan::Builder& builder) = 0;

  /// True for an input whose elements decide shapes, so that they must be known while planning.
  virtual bool needs_known(std::size_t /*input*/) const { return false; }
  /// True for an operator that looks at nothing but its inputs' shapes.
  virtual bool looks_at_shapes_only() const { return false; }

  /// True for an operator that works with half floats itself, or only moves elements. All others
  /// are handed float32 in their place, and what they make of it is rounded again: plan/halves.h.
  virtual bool takes_halves() const { return false; }
  /// True for an operator that knows what to do with values that are no tensors: sequence.h.
  virtual bool takes_sequences() const { return false; }
  /// False for an operator that makes something else in each run.
  virtual bool is_constant() const { return true; }

  /// True for an operator whose results' shapes its inputs' elements decide, in more than a few
  /// integers: it is run by itself, between two parts of a plan, and never planned.
  virtual bool runs_alone() const { return false; }
  /// Runs it. `inputs` are the node's, then its captures; those left out have no memory.
  /// Errors: as a step's.
  virtual Result<std::vector<Tensor>> run(std::span<const plan::View> /*inputs*/,
                                          plan::Context& /*context*/) {
    return malformed("it cannot be run by itself");
  }

  /// For an operator that stands for one of its bodies: that body's nodes and their kernels.
  /// Asked once everything that the operator needs is known.
  virtual Result<std::optional<plan::Branch>> branch(const plan::Builder& /*builder*/) {
    return std::optional<plan::Branch>();
  }

  /// True for a constant that the kernel keeps in an order of its own from its first plan on, so
  /// that nobody else needs to hold it for this kernel's sake.
  virtual bool packs(std::size_t /*input*/) const { return false; }
  /// Of what it packed.
  virtual std::uint64_t packed_bytes() const { return 0; }
};

}  // namespace torchkeep::runtime::kernels
