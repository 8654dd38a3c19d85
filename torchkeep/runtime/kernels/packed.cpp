#include "torchkeep/runtime/kernels/packed.h"

#include <algorithm>

#include "torchkeep/runtime/kernels/panels.h"
#include "torchkeep/runtime/kernels/staged_packing.h"

namespace torchkeep::runtime::kernels {

std::optional<Packed> Packed::find_matrix(const NodeReader& node, bool turned) {
  std::shared_ptr<graph::Constant> matrix = node.constant(1);
  if (!matrix || matrix->dtype() != DataType::Float32) return std::nullopt;
  if (const std::optional<Shape>& shape = node.node().panels) {
    Packed packed(matrix, *shape);
    packed.constant_.reset();
    const ByteView bytes = std::as_const(*matrix).bytes();
    packed.add_version(dnn::column_panels(*shape), bytes, std::move(matrix));
    packed.is_shared_ = true;
    return packed;
  }
  Shape shape = matrix->shape();
  if (shape.size() != 2) return std::nullopt;
  if (turned) std::swap(shape[0], shape[1]);
  if (shape[1] < kFewestPackedColumns) return std::nullopt;
  return Packed(std::move(matrix), std::move(shape), turned);
}

std::optional<dnn::Layout> Packed::layout() const {
  if (versions_.empty()) return std::nullopt;
  return versions_.front().layout;
}

std::optional<std::uint64_t> Packed::panel_floats() const {
  return versions_.empty() ? std::nullopt : versions_.front().panel_floats;
}

void Packed::add_version(std::optional<dnn::Layout> layout, ByteView bytes,
                         std::shared_ptr<const void> owner) {
  const auto panel_floats = layout ? layout->panel_floats(kPanelColumns) : std::nullopt;
  versions_.push_back({std::move(layout), bytes, std::move(owner), panel_floats});
}

std::uint64_t Packed::bytes() const {
  std::uint64_t sum = 0;
  for (const Version& version : versions_) sum += version.bytes.size();
  return is_shared_ ? sum - versions_.front().bytes.size() : sum;
}

Result<plan::BufferId> Packed::in_layout(plan::Builder& builder, const dnn::Layout& layout) {
  for (const Version& version : versions_) {
    if (version.layout == layout) return builder.keep(version.bytes, version.owner);
  }
  if (versions_.empty() && constant_ == nullptr)
    return internal_error("a parameter was lost when packing it failed");
  if (versions_.empty() && layout.is_plain() && !transposed_) {
    add_version(layout, std::as_const(*constant_).bytes(), constant_);
  } else {
    TRY(pack(builder, layout));
  }
  return keep_last(builder);
}

Result<plan::BufferId> Packed::in_own_order(plan::Builder& builder, std::uint64_t bytes,
                                            const Write& write) {
  if (is_in_own_order()) return builder.keep(versions_.front().bytes, versions_.front().owner);
  TORCHKEEP_CHECK(versions_.empty() && !transposed_);
  const Shelf::Room memory = builder.machine().shelf().take(bytes);
  write(std::as_const(*constant_).bytes(), memory.bytes);
  add_version(std::nullopt, memory.bytes, memory.owner);
  return keep_last(builder);
}

plan::BufferId Packed::keep_last(plan::Builder& builder) {
  graph::give_away(std::move(constant_), builder.machine().shelf());
  return builder.keep(versions_.back().bytes, versions_.back().owner);
}

Result<void> Packed::pack(plan::Builder& builder, const dnn::Layout& layout) {
  TORCHKEEP_CHECK(!is_in_own_order());
  if (TRY(pack_last_in_stages(builder, layout))) return {};
  const ByteView source =
      versions_.empty() ? std::as_const(*constant_).bytes() : versions_.front().bytes;
  const dnn::Layout from = versions_.empty() ? dnn::Layout() : *versions_.front().layout;
  dnn::Primitive reorder =
      versions_.empty() && transposed_
          ? TRY(dnn::make_transposing_reorder(builder.machine(), shape_, layout, dtype_))
          : TRY(dnn::make_reorder(builder.machine(), shape_, from, layout, dtype_));
  const std::uint64_t size =
      layout.is_plain() ? TRY(byte_count(dtype_, shape_)) : layout.bytes(shape_);
  const Shelf::Room memory = builder.machine().shelf().take(size);
  if (layout.is_padded()) std::ranges::fill(memory.bytes, std::uint8_t{0});
  TRY(run_reorder(reorder, source, memory.bytes));
  add_version(layout, memory.bytes, memory.owner);
  return {};
}

Result<bool> Packed::pack_last_in_stages(plan::Builder& builder, const dnn::Layout& layout) {
  // What others read too stays as it is: then it is wanted twice.
  if (!versions_.empty() || constant_.use_count() != 1 || dtype_ != DataType::Float32) return false;
  if (!packs_in_stages(layout, shape_)) return false;
  const std::int64_t columns = stage_columns(shape_, constant_->memory_bytes());
  if (columns >= shape_[1]) return false;
  const Shelf::Room memory = builder.machine().shelf().take(layout.bytes(shape_));
  // Nobody must find half of it after an error.
  const std::shared_ptr<graph::Constant> source = std::move(constant_);
  TRY(pack_in_stages(builder.machine(), *source, shape_, transposed_, columns, memory.bytes));
  add_version(layout, memory.bytes, memory.owner);
  return true;
}

}  // namespace torchkeep::runtime::kernels
