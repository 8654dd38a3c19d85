// Lets lookups read tables as small as they are stored. A head that has the same table turned over
// shares its memory.
//   DequantizeLinear(w) -> Gather(., i)          becomes   Gather(w, i), marked
//   DequantizeLinear(w) -> Transpose -> MatMul(x, .)   becomes   MatMul(x, w), marked, of floats
#include <map>

#include "torchkeep/runtime/optimise/optimise.h"
#include "torchkeep/runtime/optimise/stored_matrix.h"

namespace torchkeep::runtime::optimise {
namespace {

using graph::Constant;
using graph::Graph;
using graph::kLeftOut;
using graph::Node;
using graph::ValueId;
using kernels::BytePanels;

bool turns_over(const Node& node) {
  const graph::Attribute* const order = find_attribute(node, "perm");
  return is_standard(node, "Transpose") &&
         (order == nullptr || order->ints == std::vector<std::int64_t>{1, 0});
}

/// A table in the panels that products read, of which each of its rows is a column.
struct Packed {
  ValueId numbers = kLeftOut, factors = kLeftOut;
  graph::Attribute panels;
};

class Tables {
 public:
  explicit Tables(Graph& graph) : graph_(graph), chains_(graph) {}

  Result<void> take_lookups() {
    for (std::size_t i = 0; i < graph_.nodes.size(); ++i) {
      if (!is_lookup(graph_.nodes[i])) continue;
      const std::optional<std::size_t> maker = maker_of(graph_.nodes[i].inputs[0]);
      if (!maker) continue;
      const std::optional<Packed> packed = TRY(pack(*maker));
      if (!packed) continue;
      Node& node = graph_.nodes[i];
      node.inputs = {packed->numbers, node.inputs[1], packed->factors};
      mark(node, *packed);
    }
    return {};
  }

  /// Products with a table that was packed; others have a pass of their own.
  void take_heads() {
    for (Node& node : graph_.nodes) {
      const bool is_gemm = is_standard(node, "Gemm");
      if (is_gemm ? !turns_matrix(node) : !is_standard(node, "MatMul")) continue;
      ValueId read = node.inputs[1];
      if (!is_gemm) {
        const std::optional<std::size_t> turned = chains_.maker(read);
        if (!turned || !turns_over(graph_.nodes[*turned])) continue;
        read = graph_.nodes[*turned].inputs[0];
      }
      const std::optional<std::size_t> maker = maker_of(read);
      const auto known = maker ? packed_.find(*maker) : packed_.end();
      if (known == packed_.end() || !known->second) continue;
      const Packed& packed = *known->second;
      if (!takes_stored_matrix(graph_, node, static_cast<std::size_t>(packed.panels.ints[1])))
        continue;
      const bool has_bias = node.inputs.size() > 2 && node.inputs[2] != kLeftOut;
      node.inputs = {node.inputs[0], packed.numbers, has_bias ? node.inputs[2] : kLeftOut,
                     packed.factors};
      node.op = "MatMul";
      mark(node, packed);
    }
  }

 private:
  std::optional<std::size_t> maker_of(ValueId value) const {
    const std::optional<std::size_t> maker = chains_.maker(value);
    if (!maker || !is_standard(graph_.nodes[*maker], "DequantizeLinear")) return std::nullopt;
    return maker;
  }

  static void mark(Node& node, const Packed& packed) {
    node.attributes = {packed.panels};
    node.quantised = graph::Quantised{{DataType::Float32, 0, 1}, std::nullopt, std::nullopt};
  }

  /// What DequantizeLinear `maker` reads, once for all. None if it is no table.
  Result<std::optional<Packed>> pack(std::size_t maker) {
    const auto known = packed_.find(maker);
    if (known != packed_.end()) return known->second;
    const std::optional<Packed> packed = TRY(make_packed(graph_.nodes[maker]));
    packed_.emplace(maker, packed);
    return packed;
  }

  Result<std::optional<Packed>> make_packed(const Node& node) {
    using Made = std::optional<Packed>;
    const auto matrix = find_stored_matrix(graph_, node, true);
    if (!matrix) return Made();
    const std::optional<BytePanels> found = kernels::panels_of(*matrix);
    if (!found) return Made();
    const BytePanels& panels = *found;
    const std::size_t count = kernels::panel_count(panels.columns);
    const std::shared_ptr<Constant> bytes = TRY(Constant::make(
                                        DataType::UInt8,
                                        {static_cast<std::int64_t>(count * panels.panel_bytes())})),
                                    factors = TRY(Constant::make(
                                        DataType::Float32, {static_cast<std::int64_t>(
                                                               count * panels.panel_scales())}));
    kernels::pack_matrix(*matrix, panels, bytes->elements<std::uint8_t>().data(),
                         factors->elements<float>().data());
    graph::Attribute form;
    form.name = "panels";
    form.type = graph::AttributeType::Ints;
    form.ints = {static_cast<std::int64_t>(panels.inner), static_cast<std::int64_t>(panels.columns),
                 static_cast<std::int64_t>(panels.block), panels.four_bits ? 1 : 0};
    return Made({graph_.add_constant(node.name, bytes), graph_.add_constant(node.name, factors),
                 std::move(form)});
  }

  Graph& graph_;
  const Chains chains_;
  std::map<std::size_t, std::optional<Packed>> packed_;  // of each DequantizeLinear
};

}  // namespace

Result<void> fuse_stored_tables(Graph& graph) {
  Tables tables(graph);
  TRY(tables.take_lookups());
  tables.take_heads();
  return {};
}

}  // namespace torchkeep::runtime::optimise
