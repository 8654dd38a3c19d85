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

}  // namespace torchkeep::runtime::plan
