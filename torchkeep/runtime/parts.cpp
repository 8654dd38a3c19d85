#include "torchkeep/runtime/parts.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <set>

namespace torchkeep::runtime {
namespace {

using graph::Graph;
using graph::kLeftOut;
using graph::ValueId;

constexpr std::size_t kNone = ~std::size_t{0};

struct PortName {
  std::string part;
  std::string port;
};

// At the last mark: a port's own name has none, a module's path may.
Result<PortName> split_name(const std::string& name) {
  const auto at = name.rfind(kPortMark);
  if (at == std::string::npos || at == 0 || at + 1 == name.size()) {
    return malformed("\"", name, "\" is no operator's input or output: OPERATOR", kPortMark,
                     "NAME is wanted");
  }
  return PortName{name.substr(0, at), name.substr(at + 1)};
}

using Place = std::vector<std::size_t> Part::*;
using Ports = std::vector<Port> Part::*;

Result<void> sort_in(const std::vector<Port>& ports, Ports to, Place places,
                     std::map<std::string, Part>& parts) {
  for (std::size_t i = 0; i < ports.size(); ++i) {
    PortName name = TRY(split_name(ports[i].name));
    Part& part = parts[name.part];
    (part.*to).push_back({std::move(name.port), ports[i].dtype, ports[i].shape});
    (part.*places).push_back(i);
  }
  return {};
}

/// For each value the node that makes it, or kNone.
std::vector<std::size_t> makers_of(const Graph& graph) {
  std::vector<std::size_t> makers(graph.values.size(), kNone);
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    for (const ValueId output : graph.nodes[i].outputs) {
      if (output != kLeftOut) makers[output] = i;
    }
  }
  return makers;
}

/// Finds `part.nodes`, from its outputs backwards.
Result<void> find_nodes(const Graph& graph, const std::vector<std::size_t>& makers, Part& part) {
  std::set<ValueId> own;
  for (const std::size_t place : part.input_places) own.insert(graph.inputs[place]);
  std::set<std::size_t> nodes;
  std::vector<ValueId> wanted;
  for (const std::size_t place : part.output_places) wanted.push_back(graph.outputs[place]);
  while (!wanted.empty()) {
    const ValueId value = wanted.back();
    wanted.pop_back();
    if (value == kLeftOut || own.contains(value) || graph.values[value].constant) continue;
    if (makers[value] == kNone) {
      return malformed("operator \"", part.name, "\" reads \"", graph.values[value].name,
                       "\", which is none of its own inputs");
    }
    if (!nodes.insert(makers[value]).second) continue;
    const std::vector<ValueId> reads = graph.nodes[makers[value]].reads();
    wanted.insert(wanted.end(), reads.begin(), reads.end());
  }
  part.nodes.assign(nodes.begin(), nodes.end());
  return {};
}

std::vector<std::size_t> count_to(std::size_t size) {
  std::vector<std::size_t> out(size);
  std::iota(out.begin(), out.end(), std::size_t{0});
  return out;
}

}  // namespace

Part whole_part(const Graph& graph) {
  return {{},
          graph.input_ports,
          graph.output_ports,
          count_to(graph.inputs.size()),
          count_to(graph.outputs.size()),
          count_to(graph.nodes.size())};
}

Result<std::vector<Part>> split_operators(const Graph& graph) {
  std::map<std::string, Part> parts;
  TRY(sort_in(graph.input_ports, &Part::inputs, &Part::input_places, parts));
  TRY(sort_in(graph.output_ports, &Part::outputs, &Part::output_places, parts));
  const std::vector<std::size_t> makers = makers_of(graph);
  std::vector<Part> out;
  for (auto& [name, part] : parts) {
    part.name = name;
    if (part.outputs.empty()) return malformed("operator \"", name, "\" has no output");
    TRY(find_nodes(graph, makers, part));
    out.push_back(std::move(part));
  }
  return out;
}

}  // namespace torchkeep::runtime
