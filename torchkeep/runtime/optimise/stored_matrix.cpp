#include "torchkeep/runtime/optimise/stored_matrix.h"

namespace torchkeep::runtime::optimise {

using graph::Constant;
using graph::Graph;
using graph::Node;

namespace {

using ConstantPointer = std::shared_ptr<const Constant>;

ConstantPointer constant_of(const Graph& graph, const Node& node, std::size_t input) {
  if (input >= node.inputs.size() || node.inputs[input] == graph::kLeftOut) return nullptr;
  return graph.values[node.inputs[input]].constant;
}

}  // namespace

std::optional<StoredMatrix> find_stored_matrix(const Graph& graph, const Node& node, bool turned) {
  StoredMatrix matrix{constant_of(graph, node, 0), constant_of(graph, node, 1),
                      constant_of(graph, node, 2), turned};
  const ConstantPointer &numbers = matrix.numbers, &scales = matrix.scales, &zeros = matrix.zeros;
  const bool has_zeros = node.inputs.size() > 2 && node.inputs[2] != graph::kLeftOut;
  if (!numbers || !scales || (has_zeros && !zeros) || scales->dtype() != DataType::Float32 ||
      numbers->shape().size() != 2 || numbers->bytes().empty() ||
      (numbers->dtype() != DataType::Int8 && numbers->dtype() != DataType::UInt8 &&
       !has_four_bits(numbers->dtype())))
    return std::nullopt;
  if (zeros && (zeros->dtype() != numbers->dtype() || zeros->shape() != scales->shape()))
    return std::nullopt;
  matrix.inner = static_cast<std::size_t>(numbers->shape()[turned ? 1 : 0]);
  matrix.columns = static_cast<std::size_t>(numbers->shape()[turned ? 0 : 1]);
  const std::int64_t block = int_of(node, "block_size", 0), axis = int_of(node, "axis", 1);
  if (block < 0) return std::nullopt;
  matrix.block = static_cast<std::size_t>(block);
  const bool along_rows = (axis == 0 || axis == -2) != turned;  // the axis is that of the sums
  const auto columns = static_cast<std::int64_t>(matrix.columns),
             blocks = static_cast<std::int64_t>(matrix.blocks());
  if (matrix.block != 0) {
    const Shape wanted = turned ? Shape{columns, blocks} : Shape{blocks, columns};
    return along_rows && scales->shape() == wanted ? std::optional(matrix) : std::nullopt;
  }
  if (scales->elements<float>().size() == 1) return matrix;
  return !along_rows && scales->shape() == Shape{columns} ? std::optional(matrix) : std::nullopt;
}

bool turns_matrix(const Node& node) { return node.op == "Gemm" && int_of(node, "transB", 0) == 1; }

bool is_lookup(const Node& node) {
  return is_standard(node, "Gather") && node.inputs.size() == 2 && int_of(node, "axis", 0) == 0;
}

bool takes_stored_matrix(const Graph& graph, const Node& node, std::size_t columns) {
  if (node.quantised) return false;
  if (is_standard(node, "MatMul")) return node.inputs.size() == 2;
  if (!is_standard(node, "Gemm") || int_of(node, "transA", 0) != 0 ||
      float_of(node, "alpha", 1) != 1 || float_of(node, "beta", 1) != 1)
    return false;
  if (node.inputs.size() < 3 || node.inputs[2] == graph::kLeftOut) return true;
  const ConstantPointer bias = constant_of(graph, node, 2);
  const auto each = static_cast<std::int64_t>(columns);
  return bias && bias->dtype() == DataType::Float32 &&
         (bias->shape() == Shape{each} || bias->shape() == Shape{1, each});
}

}  // namespace torchkeep::runtime::optimise
