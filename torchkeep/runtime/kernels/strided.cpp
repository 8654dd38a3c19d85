#include "torchkeep/runtime/kernels/strided.h"

#include <algorithm>
#include <cstring>

#include "torchkeep/runtime/kernels/axis.h"

namespace torchkeep::runtime::kernels {
namespace {

constexpr std::size_t kBlock = 16;  // of a transposition: a cache line of floats

/// The same copy in as few dimensions as it can be told in; never fewer than one.
StridedCopy simplified(const StridedCopy& copy) {
  StridedCopy out{{}, {}, copy.start};
  for (std::size_t i = 0; i < copy.shape.size(); ++i) {
    if (copy.shape[i] == 1) continue;
    // Two dimensions are one if the outer one's step is the inner one's whole walk.
    if (!out.shape.empty() && out.strides.back() == copy.strides[i] * copy.shape[i]) {
      out.shape.back() *= copy.shape[i];
      out.strides.back() = copy.strides[i];
    } else {
      out.shape.push_back(copy.shape[i]);
      out.strides.push_back(copy.strides[i]);
    }
  }
  if (out.shape.empty()) {
    out.shape.push_back(1);
    out.strides.push_back(1);
  }
  return out;
}

template <typename T>
void copy_row(const T* from, std::int64_t stride, T* to, std::size_t count) {
  if (stride == 1) {
    std::memcpy(to, from, count * sizeof(T));
  } else if (stride == 0) {
    std::fill_n(to, count, *from);
  } else {
    for (std::size_t i = 0; i < count; ++i) to[i] = from[static_cast<std::int64_t>(i) * stride];
  }
}

/// Where the row begins of which `index` counts the dimensions before the last `inner`.
std::int64_t place_of(const StridedCopy& copy, std::size_t inner, std::size_t index) {
  std::int64_t place = copy.start;
  for (std::size_t i = copy.shape.size() - inner; i-- > 0;) {
    const auto size = static_cast<std::size_t>(copy.shape[i]);
    place += static_cast<std::int64_t>(index % size) * copy.strides[i];
    index /= size;
  }
  return place;
}

template <typename T>
plan::Action rows_action(const StridedCopy& copy) {
  return [copy](std::span<std::byte* const> memory, Pool& pool) -> Result<void> {
    const T* from = source<T>(memory, 0);
    T* to = target<T>(memory, 1);
    const auto columns = static_cast<std::size_t>(copy.shape.back());
    const std::size_t rows = extent(copy.shape, 0, copy.shape.size() - 1);
    if (columns == 0) return {};
    pool.parallel_for(rows, rows_a_thread(columns), [&](std::size_t begin, std::size_t end) {
      for (std::size_t row = begin; row < end; ++row) {
        copy_row(from + place_of(copy, 1, row), copy.strides.back(), to + row * columns, columns);
      }
    });
    return {};
  };
}

/// The last two dimensions change places: block by block, so that both sides are read and written
/// in whole cache lines.
template <typename T>
plan::Action planes_action(const StridedCopy& copy) {
  return [copy](std::span<std::byte* const> memory, Pool& pool) -> Result<void> {
    const T* from = source<T>(memory, 0);
    T* to = target<T>(memory, 1);
    const std::size_t rank = copy.shape.size();
    const auto rows = static_cast<std::size_t>(copy.shape[rank - 2]),
               columns = static_cast<std::size_t>(copy.shape[rank - 1]);
    const std::int64_t step = copy.strides[rank - 1];
    const std::size_t blocks = (rows + kBlock - 1) / kBlock;
    const std::size_t all = extent(copy.shape, 0, rank - 2) * blocks;
    if (columns == 0) return {};
    pool.parallel_for(
        all, rows_a_thread(columns * kBlock), [&](std::size_t begin, std::size_t end) {
          for (std::size_t b = begin; b < end; ++b) {
            const std::size_t plane = b / blocks, first = b % blocks * kBlock;
            const std::size_t last = std::min(first + kBlock, rows);
            const T* start = from + place_of(copy, 2, plane);
            T* place = to + plane * rows * columns;
            for (std::size_t left = 0; left < columns; left += kBlock) {
              const std::size_t right = std::min(left + kBlock, columns);
              for (std::size_t row = first; row < last; ++row) {
                const T* column = start + row;  // its stride is 1
                for (std::size_t i = left; i < right; ++i)
                  place[row * columns + i] = column[static_cast<std::int64_t>(i) * step];
              }
            }
          }
        });
    return {};
  };
}

}  // namespace

std::vector<std::int64_t> row_major_strides(const Shape& shape) {
  std::vector<std::int64_t> strides(shape.size());
  std::int64_t stride = 1;
  for (std::size_t i = shape.size(); i-- > 0;) {
    strides[i] = stride;
    stride *= std::max<std::int64_t>(shape[i], 1);
  }
  return strides;
}

plan::Action strided_action(DataType dtype, const StridedCopy& wanted) {
  const StridedCopy copy = simplified(wanted);
  const std::size_t rank = copy.shape.size();
  const bool turns = rank >= 2 && copy.strides[rank - 2] == 1 && copy.strides[rank - 1] != 1;
  return action_by_size(
      dtype, [&]<typename T>() { return turns ? planes_action<T>(copy) : rows_action<T>(copy); });
}

Result<void> plan_strided(plan::Builder& builder, const StridedCopy& copy, Shape output,
                          std::size_t index) {
  const DataType dtype = builder.input(0).dtype;
  const plan::BufferId from = TRY(builder.read(0));
  const plan::BufferId to = TRY(builder.write(index, dtype, std::move(output)));
  builder.step({from, to}, strided_action(dtype, copy));
  return {};
}

}  // namespace torchkeep::runtime::kernels
