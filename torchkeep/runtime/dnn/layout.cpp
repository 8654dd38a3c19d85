#include "torchkeep/runtime/dnn/internal.h"

namespace torchkeep::runtime::dnn {
namespace {

using dnnl::memory;

memory::dims dims_of(const Shape& shape) {
  return shape.empty() ? memory::dims{1} : memory::dims(shape);
}

bool is_row_major(const dnnl_memory_desc_t& desc) {
  const dnnl_blocking_desc_t& blocking = desc.format_desc.blocking;
  if (desc.format_kind != dnnl_blocked || blocking.inner_nblks != 0 || desc.offset0 != 0)
    return false;
  if (desc.extra.flags != dnnl_memory_extra_flag_none) return false;
  dnnl_dim_t stride = 1;
  for (int i = desc.ndims - 1; i >= 0; --i) {
    if (desc.padded_dims[i] != desc.dims[i]) return false;
    if (desc.dims[i] != 1 && blocking.strides[i] != stride) return false;
    stride *= desc.dims[i];
  }
  return true;
}

}  // namespace

bool Layout::is_padded() const {
  if (is_plain()) return false;
  const dnnl_memory_desc_t& desc = data_->desc.data;
  dnnl_dim_t elements = 1;
  for (int i = 0; i < desc.ndims; ++i) elements *= desc.dims[i];
  return data_->desc.get_size() != static_cast<std::size_t>(elements) * sizeof(float);
}

std::uint64_t Layout::bytes(const Shape& shape) const {
  return is_plain() ? desc_of(*this, shape).get_size() : data_->desc.get_size();
}

bool Layout::operator==(const Layout& other) const {
  if (is_plain() || other.is_plain()) return is_plain() == other.is_plain();
  return data_->desc == other.data_->desc;
}

std::optional<std::uint64_t> Layout::panel_floats(std::int64_t columns) const {
  if (is_plain()) return std::nullopt;
  const dnnl_memory_desc_t& desc = data_->desc.data;
  const dnnl_blocking_desc_t& blocking = desc.format_desc.blocking;
  if (desc.format_kind != dnnl_blocked || desc.ndims != 2 || desc.offset0 != 0 ||
      desc.extra.flags != dnnl_memory_extra_flag_none)
    return std::nullopt;
  // Blocks of rows within a panel follow each other, so they change nothing.
  dnnl_dim_t rows = 1;
  if (blocking.inner_nblks == 2 && blocking.inner_idxs[0] == 0) rows = blocking.inner_blks[0];
  const int last = blocking.inner_nblks - 1;
  if (last < 0 || last > 1 || (last == 1 && blocking.inner_idxs[0] != 0)) return std::nullopt;
  if (blocking.inner_idxs[last] != 1 || blocking.inner_blks[last] != columns) return std::nullopt;
  if (blocking.strides[0] != rows * columns || blocking.strides[1] != desc.padded_dims[0] * columns)
    return std::nullopt;
  return static_cast<std::uint64_t>(blocking.strides[1]);
}

memory::desc plain_desc(const Shape& shape) {
  memory::dims dims = dims_of(shape), strides(dims.size());
  memory::dim stride = 1;
  for (std::size_t i = dims.size(); i-- > 0;) {
    strides[i] = stride;
    stride *= std::max<memory::dim>(dims[i], 1);
  }
  return {dims, memory::data_type::f32, strides};
}

memory::desc any_desc(const Shape& shape) {
  return {dims_of(shape), memory::data_type::f32, memory::format_tag::any};
}

memory::desc desc_of(const Layout& layout, const Shape& shape) {
  return layout.is_plain() ? plain_desc(shape) : layout.data()->desc;
}

Layout layout_of(const memory::desc& desc) {
  if (is_row_major(desc.data)) return {};
  return Layout(std::make_shared<const LayoutData>(LayoutData{desc}));
}

}  // namespace torchkeep::runtime::dnn
