// Lets lookups read rows from the panels in which heads have the same table of floats, so that it
// is there once. P is W in panels; the old one goes piece by piece while it is packed.
//   Gather(W, i),  MatMul(x, W), turned      becomes   Gather(P, i),  MatMul(x, P), both marked
//   Gather(W, i),  Gemm(x, W), transB = 1    becomes   Gather(P, i),  Gemm(x, P), both marked
#include "torchkeep/runtime/kernels/chosen_product.h"
#include "torchkeep/runtime/kernels/staged_packing.h"
#include "torchkeep/runtime/optimise/optimise.h"
#include "torchkeep/runtime/optimise/stored_matrix.h"

namespace torchkeep::runtime::optimise {
namespace {

using graph::Constant;
using graph::Graph;
using graph::Node;
using graph::ValueId;

/// Whether a node multiplies with its input 1 turned over, and wants it in panels for that whatever
/// else is multiplied.
bool is_head(const Graph& graph, const Node& node) {
  if (node.quantised || node.attention) return false;
  const bool is_gemm = is_standard(node, "Gemm");
  if (is_gemm ? !turns_matrix(node) : !is_standard(node, "MatMul") || !node.turned) return false;
  const std::shared_ptr<const Constant> table = graph.values[node.inputs[1]].constant;
  if (!table || table->dtype() != DataType::Float32 || table->shape().size() != 2) return false;
  dnn::MatMul product;
  product.weights = {table->shape()[1], table->shape()[0]};
  product.transposed_input = is_gemm && int_of(node, "transA", 0) != 0;
  product.scale = is_gemm ? float_of(node, "alpha", 1) : node.scale;
  return product.weights[1] >= kernels::kFewestPackedColumns && kernels::goes_into_tiles(product);
}

struct Readers {
  std::uint32_t lookups = 0, heads = 0;
};

/// Of each value.
std::vector<Readers> find_readers(const Graph& graph) {
  std::vector<Readers> readers(graph.values.size());
  for (const Node& node : graph.nodes) {
    if (is_lookup(node)) ++readers[node.inputs[0]].lookups;
    if (is_head(graph, node)) ++readers[node.inputs[1]].heads;
  }
  return readers;
}

}  // namespace

Result<void> fuse_tied_tables(Graph& graph, dnn::Machine& machine) {
  const std::vector<std::uint32_t> uses = graph.count_uses();
  const std::vector<Readers> readers = find_readers(graph);
  std::vector<std::optional<Shape>> packed(readers.size());
  for (ValueId value = 0; value < readers.size(); ++value) {
    const auto [lookups, heads] = readers[value];
    if (lookups == 0 || heads == 0 || lookups + heads != uses[value]) continue;
    std::shared_ptr<Constant>& table = graph.values[value].constant;
    if (table.use_count() != 1) continue;  // it goes while it is packed
    const Shape matrix{table->shape()[1], table->shape()[0]};
    const std::shared_ptr<Constant> panels = TRY(Constant::make(
        DataType::Float32,
        {static_cast<std::int64_t>(dnn::column_panels(matrix).bytes(matrix) / sizeof(float))}));
    TRY(kernels::pack_in_stages(machine, *table, matrix, true,
                                kernels::stage_columns(matrix, table->memory_bytes()),
                                panels->bytes()));
    table = panels;
    packed[value] = matrix;
  }
  // Nobody else reads them, and nobody two of them.
  for (Node& node : graph.nodes) {
    for (const ValueId input : node.inputs) {
      if (input != graph::kLeftOut && packed[input]) node.panels = packed[input];
    }
  }
  return {};
}

}  // namespace torchkeep::runtime::optimise
