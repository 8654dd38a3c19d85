#include "torchkeep/runtime/kernels/body.h"

#include <algorithm>

namespace torchkeep::runtime::kernels {

std::vector<plan::Item> BodyKernels::items() const {
  std::vector<plan::Item> items;
  for (std::size_t i = 0; i < kernels.size(); ++i)
    items.push_back({&body->nodes[i], kernels[i].get(), nullptr});
  return items;
}

Result<BodyKernels> make_body_kernels(NodeReader& node, std::string_view attribute) {
  node.ignore(attribute);
  const std::vector<graph::Body>& bodies = node.node().bodies;
  const auto found = std::ranges::find(bodies, attribute, &graph::Body::attribute);
  if (found == bodies.end()) return malformed("there is no graph \"", attribute, "\"");
  BodyKernels made{&*found, {}};
  for (const graph::Node& inner : found->nodes)
    made.kernels.push_back(TRY(make_kernel(node.graph(), inner)));
  return made;
}

std::vector<graph::ValueId> computed_captures(const NodeReader& node) {
  std::vector<graph::ValueId> computed;
  for (const graph::ValueId value : node.node().captures) {
    if (!node.graph().values[value].constant) computed.push_back(value);
  }
  return computed;
}

}  // namespace torchkeep::runtime::kernels
