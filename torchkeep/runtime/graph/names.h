#pragma once

#include <unordered_map>

#include "torchkeep/runtime/graph/parse.h"

/// Which value a name means, in graphs within graphs and in the nodes of functions.
namespace torchkeep::runtime::graph {

/// *Lives while one graph is checked*; names are views into its message.
class Names {
 public:
  /// A graph within the innermost one begins, or the nodes of a function that is called there.
  void open(bool is_function = false);
  void close();

  /// In the innermost graph. Errors: Malformed if there is one of that name in it.
  Result<void> add(std::string_view name, ValueId id);
  bool is_here(std::string_view name) const { return scopes_.back().values.contains(name); }
  /// The value of that name, in the innermost graph that has one; a function sees its own alone.
  std::optional<ValueId> find(std::string_view name) const;
  /// What a node reads, kLeftOut where it leaves an input out. Errors: Malformed.
  Result<std::vector<ValueId>> find_inputs(const onnx::NodeProto& node) const;

  /// How many are open, one within the other.
  std::size_t graphs() const { return scopes_.size() - functions_; }
  std::size_t functions() const { return functions_; }

 private:
  struct Scope {
    std::unordered_map<std::string_view, ValueId> values;
    bool is_function = false;
  };
  std::vector<Scope> scopes_{1};  ///< The outermost graph's names first.
  std::size_t functions_ = 0;     ///< Of the scopes.
};

}  // namespace torchkeep::runtime::graph
