#include "torchkeep/runtime/dnn/internal.h"

namespace torchkeep::runtime::dnn {
namespace {

using dnnl::memory;

memory::dims dims_of(const Shape& shape) {
  return shape.empty() ? memory::dims{1} : memory::dims(shape);
}

bool is_row_major(const memory::desc& desc) {
  const Blocking blocking = blocking_of(desc);
  if (blocking.is_more || !blocking.blocks.empty()) return false;
  if (blocking.padded_sizes != blocking.sizes) return false;
  memory::dim stride = 1;
  for (std::size_t i = blocking.sizes.size(); i-- > 0;) {
    if (blocking.sizes[i] != 1 && blocking.strides[i] != stride) return false;
    stride *= blocking.sizes[i];
  }
  return true;
}

}  // namespace

bool Layout::is_padded() const {
  if (is_plain()) return false;
  memory::dim elements = 1;
  for (const memory::dim size : blocking_of(data_->desc).sizes) elements *= size;
  return data_->desc.get_size() !=
         static_cast<std::size_t>(elements) * data_type_bytes(data_->desc);
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
  const Blocking blocking = blocking_of(data_->desc);
  const auto& blocks = blocking.blocks;
  if (blocking.is_more || blocking.sizes.size() != 2) return std::nullopt;
  if (blocks.empty() || blocks.size() > 2 ||
      blocks.back() != std::pair<memory::dim, memory::dim>(1, columns))
    return std::nullopt;
  // Blocks of rows within a panel follow each other, so they change nothing.
  if (blocks.size() == 2 && blocks[0].first != 0) return std::nullopt;
  const memory::dim rows = blocks.size() == 2 ? blocks[0].second : 1;
  if (blocking.strides[0] != rows * columns ||
      blocking.strides[1] != blocking.padded_sizes[0] * columns)
    return std::nullopt;
  return static_cast<std::uint64_t>(blocking.strides[1]);
}

namespace {

using Tag = memory::format_tag;

Layout tagged(const Shape& shape, Tag tag, DataType dtype = DataType::Float32) {
  return layout_of({dims_of(shape), type_of(dtype), tag});
}

/// The tag for that many spatial dimensions.
Tag spatial_tag(const Shape& shape, Tag one, Tag two, Tag three) {
  TORCHKEEP_CHECK(shape.size() >= 3 && shape.size() <= 5);
  return shape.size() == 3 ? one : shape.size() == 4 ? two : three;
}

}  // namespace

Layout column_panels(const Shape& matrix) { return tagged(matrix, Tag::BA16a64b); }

Layout filter_panels(const Shape& filters) {
  return tagged(filters, spatial_tag(filters, Tag::OIw16i64o, Tag::OIhw16i64o, Tag::OIdhw16i64o));
}

Layout channel_blocks(const Shape& shape) {
  return tagged(shape, spatial_tag(shape, Tag::nCw16c, Tag::nChw16c, Tag::nCdhw16c));
}

Layout channels_last(const Shape& shape, DataType dtype) {
  return tagged(shape, spatial_tag(shape, Tag::nwc, Tag::nhwc, Tag::ndhwc), dtype);
}

memory::data_type type_of(DataType dtype) {
  switch (dtype) {
    case DataType::Int8: return memory::data_type::s8;
    case DataType::UInt8: return memory::data_type::u8;
    case DataType::Int32: return memory::data_type::s32;
    default: return memory::data_type::f32;
  }
}

memory::desc plain_desc(const Shape& shape, DataType dtype) {
  memory::dims dims = dims_of(shape), strides(dims.size());
  memory::dim stride = 1;
  for (std::size_t i = dims.size(); i-- > 0;) {
    strides[i] = stride;
    stride *= std::max<memory::dim>(dims[i], 1);
  }
  return {dims, type_of(dtype), strides};
}

memory::desc transposed_desc(const Shape& shape, DataType dtype) {
  return {shape, type_of(dtype), {1, std::max<memory::dim>(shape[0], 1)}};
}

memory::desc any_desc(const Shape& shape, DataType dtype) {
  return {dims_of(shape), type_of(dtype), memory::format_tag::any};
}

memory::desc desc_of(const Layout& layout, const Shape& shape, DataType dtype) {
  return layout.is_plain() ? plain_desc(shape, dtype) : layout.data()->desc;
}

Layout layout_of(const memory::desc& desc) {
  if (is_row_major(desc)) return {};
  return Layout(std::make_shared<const LayoutData>(LayoutData{desc}));
}

}  // namespace torchkeep::runtime::dnn
