#include "torchkeep/runtime/graph/names.h"

namespace torchkeep::runtime::graph {

void Names::open(bool is_function) {
  scopes_.push_back({{}, is_function});
  if (is_function) ++functions_;
}

void Names::close() {
  if (scopes_.back().is_function) --functions_;
  scopes_.pop_back();
}

Result<void> Names::add(std::string_view name, ValueId id) {
  if (!scopes_.back().values.emplace(name, id).second)
    return malformed("value \"", name, "\" is made twice");
  return {};
}

std::optional<ValueId> Names::find(std::string_view name) const {
  for (std::size_t i = scopes_.size(); i-- > 0;) {
    const auto known = scopes_[i].values.find(name);
    if (known != scopes_[i].values.end()) return known->second;
    if (scopes_[i].is_function) break;
  }
  return std::nullopt;
}

Result<std::vector<ValueId>> Names::find_inputs(const onnx::NodeProto& node) const {
  std::vector<ValueId> inputs;
  for (const std::string_view name : node.inputs) {
    const std::optional<ValueId> known = find(name);
    if (!name.empty() && !known) {
      // Whether a later node makes it or none does: nodes are in order, so a cycle shows here
      // too.
      return malformed("input \"", name, "\" is not made by any node before it");
    }
    inputs.push_back(name.empty() ? kLeftOut : *known);
  }
  return inputs;
}

}  // namespace torchkeep::runtime::graph
