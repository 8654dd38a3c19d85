#pragma once

#include <unordered_map>

#include "torchkeep/runtime/plan/plan.h"

/// What nodes made of known inputs, so that of equal nodes with equal inputs one is run. Exporters
/// write the same lines of shapes and positions in each layer of a model, and running a node while
/// planning takes longer than planning it.
namespace torchkeep::runtime::plan {

/// *Lives with one plan that is being made.*
class Folded {
 public:
  using Values = std::vector<ConstantPointer>;  ///< Null where one is left out.

  /// Null if no equal node with equal `inputs` is known. The caller says that the node makes the
  /// same of the same.
  const Values* find(const graph::Node& node, const Values& inputs) const;
  void keep(const graph::Node& node, Values inputs, Values outputs);

 private:
  struct Entry {
    const graph::Node* node;
    Values inputs, outputs;
  };
  std::unordered_multimap<std::size_t, Entry> entries_;
};

/// What nodes made of known inputs in the plan before the one that is being made. A sequence's next
/// length makes a few constants anew, and leaves most of them the very same: those nodes are
/// neither hashed nor run again. *Lives with what plans the same nodes again and again, in one
/// order.*
class FoldedBefore {
 public:
  struct Entry {
    const graph::Node* node = nullptr;
    Folded::Values inputs, outputs;
    std::uint64_t bytes = 0;  ///< Of outputs that no other node made first.
  };

  /// A plan begins: what the last one kept is what there is before it.
  void begin();
  /// Null unless `node` made something of these very inputs, of at most `most_bytes`. It is kept
  /// for the next plan.
  const Entry* find(const graph::Node& node, std::span<const graph::Constant* const> inputs,
                    std::uint64_t most_bytes);
  void keep(const graph::Node& node, const Folded::Values& inputs, const Folded::Values& outputs,
            std::uint64_t bytes);

 private:
  std::vector<Entry> before_, now_;
  std::size_t next_ = 0;  ///< Of those before.
  Entry stale_;           ///< Of the node that was asked for last: memory for what it makes now.
};

}  // namespace torchkeep::runtime::plan
