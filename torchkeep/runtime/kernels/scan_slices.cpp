#include "torchkeep/runtime/kernels/scan_slices.h"

#include <algorithm>

#include "torchkeep/runtime/kernels/axis.h"

namespace torchkeep::runtime::kernels {
namespace {

/// Copies `outer` rows of `bytes` each, which lie `from_step` and are to lie `to_step` apart.
void copy_rows(const std::uint8_t* from, std::size_t from_step, std::uint8_t* to,
               std::size_t to_step, std::size_t outer, std::size_t bytes) {
  for (std::size_t i = 0; i < outer; ++i)
    std::copy_n(from + i * from_step, bytes, to + i * to_step);
}

}  // namespace

Result<Tensor> copy_of(const plan::View& view) {
  if (!is_tensor(view.dtype)) return malformed("a state is a ", name_of(view.dtype));
  Tensor tensor = TRY(Tensor::uninitialised(view.dtype, view.shape));
  std::copy_n(reinterpret_cast<const std::uint8_t*>(view.data), tensor.data.size(),
              tensor.data.begin());
  return tensor;
}

Result<Tensor> slice_of(const plan::View& view, std::size_t axis, std::int64_t index) {
  if (!is_tensor(view.dtype)) return malformed("what is scanned is a ", name_of(view.dtype));
  Shape shape = view.shape;
  shape.erase(shape.begin() + static_cast<std::ptrdiff_t>(axis));
  Tensor slice = TRY(Tensor::uninitialised(view.dtype, shape));
  const std::size_t bytes =
      extent(view.shape, axis + 1, view.shape.size()) * element_bytes(view.dtype);
  copy_rows(
      reinterpret_cast<const std::uint8_t*>(view.data) + static_cast<std::size_t>(index) * bytes,
      bytes * static_cast<std::size_t>(view.shape[axis]), slice.data.data(), bytes,
      extent(view.shape, 0, axis), bytes);
  return slice;
}

Result<Tensor> stacked_along(Tensor stack, std::int64_t axis_number) {
  const std::size_t axis = TRY(resolve_axis(axis_number, stack.shape.size()));
  if (axis == 0) return stack;
  const Shape part(stack.shape.begin() + 1, stack.shape.end());
  const auto count = static_cast<std::size_t>(stack.shape[0]);
  Shape shape = part;
  shape.insert(shape.begin() + static_cast<std::ptrdiff_t>(axis), stack.shape[0]);
  Tensor moved = TRY(Tensor::uninitialised(stack.dtype, std::move(shape)));
  const std::size_t outer = extent(part, 0, axis),
                    bytes = extent(part, axis, part.size()) * element_bytes(stack.dtype);
  for (std::size_t i = 0; i < count; ++i)
    copy_rows(stack.data.data() + i * outer * bytes, bytes, moved.data.data() + i * bytes,
              count * bytes, outer, bytes);
  return moved;
}

}  // namespace torchkeep::runtime::kernels
