#include "torchkeep/runtime/kernels/stored_matrix.h"

#include <algorithm>

#include "torchkeep/runtime/graph/four_bits.h"

namespace torchkeep::runtime::kernels {
namespace {

constexpr std::size_t kRows = 64;  // of columns that lie one behind the other: they stay in a cache

using Wide = std::vector<std::int16_t, SecretAllocator<std::int16_t>>;

/// Columns `first` to `first + count` as [inner, count], less their zero points.
void take_columns(const StoredMatrix& matrix, std::size_t first, std::size_t count, Wide& to) {
  to.resize(matrix.inner * count);
  const bool known = graph::with_integers(*matrix.numbers, [&](auto number) {
    for (std::size_t start = 0; start < matrix.inner; start += kRows) {
      const std::size_t end = std::min(start + kRows, matrix.inner);
      for (std::size_t j = 0; matrix.turned && j < count; ++j) {
        for (std::size_t i = start; i < end; ++i)
          to[i * count + j] = static_cast<std::int16_t>(number((first + j) * matrix.inner + i));
      }
      for (std::size_t i = start; !matrix.turned && i < end; ++i) {
        for (std::size_t j = 0; j < count; ++j)
          to[i * count + j] = static_cast<std::int16_t>(number(i * matrix.columns + first + j));
      }
    }
  });
  TORCHKEEP_CHECK(known);
  if (!matrix.zeros) return;
  graph::with_integers(*matrix.zeros, [&](auto zero) {
    for (std::size_t i = 0; i < matrix.inner; ++i) {
      for (std::size_t j = 0; j < count; ++j)
        to[i * count + j] =
            static_cast<std::int16_t>(to[i * count + j] - zero(matrix.scale_of(i, first + j)));
    }
  });
}

bool fits(const Wide& numbers, int low, int high) {
  return std::ranges::all_of(numbers, [=](int n) { return n >= low && n <= high; });
}

}  // namespace

std::optional<BytePanels> panels_of(const StoredMatrix& matrix) {
  BytePanels panels{matrix.inner, matrix.columns,
                    matrix.block == 0 ? matrix.inner : std::min(matrix.block, matrix.inner), true};
  const DataType type = matrix.numbers->dtype();
  if (!matrix.zeros && type == DataType::Int4) return panels;
  const bool may_be_wider = matrix.zeros || type == DataType::UInt8;
  Wide numbers;
  for (std::size_t start = 0; start < matrix.columns; start += kPanelColumns) {
    take_columns(matrix, start, std::min(kPanelColumns, matrix.columns - start), numbers);
    if (may_be_wider && !fits(numbers, -128, 127)) return std::nullopt;
    panels.four_bits = panels.four_bits && fits(numbers, -8, 7);
    if (!panels.four_bits && !may_be_wider) break;
  }
  return panels;
}

void pack_matrix(const StoredMatrix& matrix, const BytePanels& panels, std::uint8_t* bytes,
                 float* factors) {
  const std::span<const float> scales = matrix.scales->elements<float>();
  Wide wide;
  std::vector<std::int8_t, SecretAllocator<std::int8_t>> narrow;
  BytePanels panel = panels;
  for (std::size_t start = 0; start < panels.columns; start += kPanelColumns) {
    panel.columns = std::min(kPanelColumns, panels.columns - start);
    take_columns(matrix, start, panel.columns, wide);
    narrow.resize(wide.size());
    std::ranges::transform(wide, narrow.begin(),
                           [](std::int16_t n) { return static_cast<std::int8_t>(n); });
    pack_bytes(panel, narrow.data(), bytes);
    bytes += panels.panel_bytes();
    for (std::size_t b = 0; b < panels.blocks(); ++b) {
      for (std::size_t j = 0; j < kPanelColumns; ++j)
        *factors++ =
            scales[matrix.scale_of(b * panels.block, std::min(start + j, panels.columns - 1))];
    }
  }
}

}  // namespace torchkeep::runtime::kernels
