// Gather-1 to Gather-13 of a table that DequantizeLinear made of parameters:
// https://onnx.ai/onnx/operators/onnx__Gather.html
// Only the rows that are wanted become floats. They are columns of the panels that a product with
// the table reads, so that one copy serves both: a row is a byte here and there, but there are few.
#include "torchkeep/runtime/kernels/stored_product.h"
#include "torchkeep/runtime/kernels/types.h"

namespace torchkeep::runtime::kernels {
namespace {

template <typename Index>
Result<void> copy_rows(const BytePanels& panels, std::span<std::byte* const> memory,
                       std::size_t count, Pool& pool) {
  const auto* which = source<Index>(memory, 1);
  const auto rows = static_cast<std::int64_t>(panels.columns);
  for (std::size_t i = 0; i < count; ++i) {
    const std::int64_t index = which[i];
    if (index < -rows || index >= rows) return malformed("index ", index, " is not among ", rows);
  }
  pool.parallel_for(count, 1, [&](std::size_t first, std::size_t last) {
    for (std::size_t i = first; i < last; ++i) {
      const std::int64_t index = which[i];
      unpack_column(panels, source<std::uint8_t>(memory, 0), source<float>(memory, 2),
                    static_cast<std::size_t>(index < 0 ? index + rows : index),
                    target<float>(memory, 3) + i * panels.inner);
    }
  });
  return {};
}

class StoredRows final : public Kernel {
 public:
  explicit StoredRows(const BytePanels& panels) : panels_(panels) {}

  Result<void> plan(plan::Builder& builder) override {
    const plan::Operand& indices = builder.input(1);
    if (indices.dtype != DataType::Int64 && indices.dtype != DataType::Int32)
      return malformed("indices are ", name_of(indices.dtype), ", wanted is INT64 or INT32");
    const bool wide = indices.dtype == DataType::Int64;
    const auto count = static_cast<std::size_t>(TRY(element_count(indices.shape)));
    Shape output = indices.shape;
    output.push_back(static_cast<std::int64_t>(panels_.inner));
    const plan::BufferId table = TRY(builder.read(0)), which = TRY(builder.read(1)),
                         factors = TRY(builder.read(2));
    builder.step(
        {table, which, factors, TRY(builder.write(0, DataType::Float32, std::move(output)))},
        [panels = panels_, count, wide](std::span<std::byte* const> memory, Pool& pool) {
          return wide ? copy_rows<std::int64_t>(panels, memory, count, pool)
                      : copy_rows<std::int32_t>(panels, memory, count, pool);
        });
    return {};
  }

 private:
  BytePanels panels_;
};

}  // namespace

Result<KernelPointer> make_stored_rows(NodeReader& node) {
  return std::make_unique<StoredRows>(TRY(read_panels(node, 0, 2)));
}

}  // namespace torchkeep::runtime::kernels
