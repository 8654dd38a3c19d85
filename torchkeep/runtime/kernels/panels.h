#pragma once

#include <algorithm>
#include <cstddef>

/// Weights in panels of 64 columns, as oneDNN likes them best too; a panel holds its columns' part
/// of one row after the other, zeros where the last one has no columns left. Whoever multiplies
/// with them reads them in the order in which they lie.
namespace torchkeep::runtime::kernels {

inline constexpr std::size_t kPanelColumns = 64;

inline constexpr std::size_t panel_count(std::size_t columns) {
  return (columns + kPanelColumns - 1) / kPanelColumns;
}

/// Some rows of floats, `step` from one to the next.
template <typename T>
struct Rows {
  T* start = nullptr;
  std::size_t step = 0;
};

struct PanelProduct {
  std::size_t inner = 0;    ///< Rows of the weights.
  std::size_t columns = 0;  ///< Those of the last panel beyond it are not written.
};

/// Packs the weights whose columns are the rows of `from`, [columns, inner], as a recurrent layer
/// has them. `to` has panel_count(columns) * inner * kPanelColumns floats.
void pack_panels(const PanelProduct& product, const float* from, float* to);

/// to[r][j] = sum of x[r][i] * weights[i][j], plus to[r][j] if `add`, for `count` rows and panels
/// `first` to `last`.
void multiply_panels(const PanelProduct& product, const float* weights, Rows<const float> x,
                     Rows<float> to, std::size_t count, bool add, std::size_t first,
                     std::size_t last);

}  // namespace torchkeep::runtime::kernels
