// Gather-1 to Gather-13 of a table in panels, as a product with the table reads it:
// https://onnx.ai/onnx/operators/onnx__Gather.html
// One copy serves both. A row of the table is a column of the panels, so its numbers lie apart, but
// few rows are wanted; those that DequantizeLinear would make of parameters alone become floats.
#include "torchkeep/runtime/kernels/table_rows.h"

#include "torchkeep/runtime/kernels/stored_product.h"
#include "torchkeep/runtime/kernels/types.h"

namespace torchkeep::runtime::kernels {
namespace {

/// Writes one column of the panels, the first of a step's memory, as the row that it is.
using WriteRow =
    std::function<void(std::span<std::byte* const> memory, std::size_t column, float* to)>;

struct Table {
  std::size_t width = 0, rows = 0;
  bool has_factors = false;  ///< As input 2: the second of a step's memory.
  WriteRow write;
};

/// Memory order: table, factors if any, indices, output.
template <typename Index>
Result<void> write_rows(const Table& table, std::span<std::byte* const> memory, std::size_t count,
                        Pool& pool) {
  const auto* which = source<Index>(memory, memory.size() - 2);
  const auto rows = static_cast<std::int64_t>(table.rows);
  for (std::size_t i = 0; i < count; ++i) {
    const std::int64_t index = which[i];
    if (index < -rows || index >= rows) return malformed("index ", index, " is not among ", rows);
  }
  pool.parallel_for(count, 1, [&](std::size_t first, std::size_t last) {
    for (std::size_t i = first; i < last; ++i) {
      const std::int64_t index = which[i];
      table.write(memory, static_cast<std::size_t>(index < 0 ? index + rows : index),
                  target<float>(memory, memory.size() - 1) + i * table.width);
    }
  });
  return {};
}

class TableRows final : public Kernel {
 public:
  explicit TableRows(Table table) : table_(std::move(table)) {}

  Result<void> plan(plan::Builder& builder) override {
    const plan::Operand& indices = builder.input(1);
    if (indices.dtype != DataType::Int64 && indices.dtype != DataType::Int32)
      return malformed("indices are ", name_of(indices.dtype), ", wanted is INT64 or INT32");
    const bool wide = indices.dtype == DataType::Int64;
    const auto count = static_cast<std::size_t>(TRY(element_count(indices.shape)));
    Shape output = indices.shape;
    output.push_back(static_cast<std::int64_t>(table_.width));
    std::vector<plan::BufferId> buffers{TRY(builder.read(0))};
    if (table_.has_factors) buffers.push_back(TRY(builder.read(2)));
    buffers.push_back(TRY(builder.read(1)));
    buffers.push_back(TRY(builder.write(0, DataType::Float32, std::move(output))));
    builder.step(std::move(buffers),
                 [table = table_, count, wide](std::span<std::byte* const> memory, Pool& pool) {
                   return wide ? write_rows<std::int64_t>(table, memory, count, pool)
                               : write_rows<std::int32_t>(table, memory, count, pool);
                 });
    return {};
  }

 private:
  Table table_;
};

}  // namespace

Result<KernelPointer> make_stored_rows(NodeReader& node) {
  const BytePanels panels = TRY(read_panels(node, 0, 2));
  const auto write = [panels](std::span<std::byte* const> memory, std::size_t column, float* to) {
    unpack_column(panels, source<std::uint8_t>(memory, 0), source<float>(memory, 1), column, to);
  };
  return std::make_unique<TableRows>(Table{panels.inner, panels.columns, true, write});
}

Result<KernelPointer> make_table_rows(NodeReader& node) {
  node.ignore("axis");  // the first: no others are marked
  const Shape& matrix = *node.node().panels;
  const auto width = static_cast<std::size_t>(matrix[0]);
  const std::uint64_t step = *dnn::column_panels(matrix).panel_floats(kPanelColumns);
  const auto write = [=](std::span<std::byte* const> memory, std::size_t column, float* to) {
    const float* from =
        source<float>(memory, 0) + column / kPanelColumns * step + column % kPanelColumns;
    for (std::size_t i = 0; i < width; ++i) to[i] = from[i * kPanelColumns];
  };
  return std::make_unique<TableRows>(
      Table{width, static_cast<std::size_t>(matrix[1]), false, write});
}

}  // namespace torchkeep::runtime::kernels
