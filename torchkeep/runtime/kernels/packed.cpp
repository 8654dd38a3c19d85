#include "torchkeep/runtime/kernels/packed.h"

#include <algorithm>
#include <array>

#include "torchkeep/runtime/kernels/panels.h"

namespace torchkeep::runtime::kernels {
namespace {

std::byte* writable(ByteView bytes) {
  // A reorder's source is only read.
  return const_cast<std::byte*>(reinterpret_cast<const std::byte*>(bytes.data()));
}

}  // namespace

std::optional<dnn::Layout> Packed::layout() const {
  if (versions_.empty()) return std::nullopt;
  return versions_.front().layout;
}

bool Packed::lies_in_panels() const {
  const std::optional<dnn::Layout> first = layout();
  return first && first->panel_floats(kPanelColumns).has_value();
}

std::uint64_t Packed::bytes() const {
  std::uint64_t sum = 0;
  for (const Version& version : versions_) sum += version.bytes.size();
  return sum;
}

Result<plan::BufferId> Packed::in_layout(plan::Builder& builder, const dnn::Layout& layout) {
  for (const Version& version : versions_) {
    if (version.layout == layout) return builder.keep(version.bytes, version.owner);
  }
  if (versions_.empty() && layout.is_plain() && !transposed_) {
    versions_.push_back({layout, std::as_const(*constant_).bytes(), constant_});
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
  versions_.push_back({std::nullopt, memory.bytes, memory.owner});
  return keep_last(builder);
}

plan::BufferId Packed::keep_last(plan::Builder& builder) {
  graph::give_away(std::move(constant_), builder.machine().shelf());
  return builder.keep(versions_.back().bytes, versions_.back().owner);
}

Result<void> Packed::pack(plan::Builder& builder, const dnn::Layout& layout) {
  TORCHKEEP_CHECK(!is_in_own_order());
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
  SecretBytes scratch(reorder.scratch_bytes());
  std::array<std::byte*, 3> arguments{writable(source),
                                      reinterpret_cast<std::byte*>(memory.bytes.data()),
                                      reinterpret_cast<std::byte*>(scratch.expose().data())};
  TRY(reorder.run(std::span(arguments).first(scratch.empty() ? 2 : 3)));
  versions_.push_back({layout, memory.bytes, memory.owner});
  return {};
}

}  // namespace torchkeep::runtime::kernels
