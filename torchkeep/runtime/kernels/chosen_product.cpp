#include "torchkeep/runtime/kernels/chosen_product.h"

#include <limits>

#include "torchkeep/runtime/kernels/row_product.h"
#include "torchkeep/runtime/kernels/tiled_step.h"

namespace torchkeep::runtime::kernels {
namespace {

/// The layout of the weights for the loop of our own that does this product, if one does.
std::optional<dnn::Layout> layout_by_hand(const dnn::MatMul& product, const Packed& weights) {
  const bool one_row = product.input[0] == 1 && !product.transposed_input;
  const bool tiled = goes_into_tiles(product);
  if (!tiled && !one_row) return std::nullopt;
  if (weights.panel_floats()) return weights.layout();
  if (tiled) return dnn::column_panels(product.weights);
  return std::nullopt;
}

Tiles tiles_of(const dnn::MatMul& product, std::uint64_t panel_floats) {
  Tiles tiles;
  tiles.inputs = static_cast<std::size_t>(product.weights[0]);
  tiles.columns = static_cast<std::size_t>(product.weights[1]);
  tiles.panel_floats = panel_floats;
  tiles.rows = static_cast<std::size_t>(product.input[0]);
  for (std::size_t r = 0; r < kTileRows; ++r)
    tiles.places.push_back(static_cast<std::int32_t>(r * tiles.inputs));
  tiles.tile_step = kTileRows * tiles.inputs;
  tiles.depth_step = kTileDepth;
  tiles.row_step = tiles.columns;
  tiles.lanes_step = kTileDepth;
  tiles.add = product.epilogue.residual;
  return tiles;
}

}  // namespace

bool goes_into_tiles(const dnn::MatMul& product) {
  if (product.transposed_input || product.scale != 1 || !has_tiles()) return false;
  const std::int64_t inner = product.weights[0], columns = product.weights[1];
  if (inner < 1 || inner > std::numeric_limits<std::int32_t>::max() / 8 || columns < 1)
    return false;
  // Columns that only fill a panel are multiplied with as well.
  constexpr auto kPanel = static_cast<std::int64_t>(kTileColumns);
  const std::int64_t padding = (kPanel - columns % kPanel) % kPanel;
  return padding <= columns / 8;
}

Result<ChosenProduct> ChosenProduct::choose(plan::Builder& builder, const dnn::MatMul& product,
                                            const Packed* weights, bool pack) {
  ChosenProduct chosen(product);
  std::optional<dnn::Layout> layout;
  if (weights != nullptr) layout = layout_by_hand(product, *weights);
  chosen.by_hand_ = layout.has_value();
  if (layout) {
    const std::optional<std::uint64_t> known = weights->panel_floats();
    chosen.panel_floats_ = known ? *known : *layout->panel_floats(kPanelColumns);
    chosen.planned_.weights = std::move(*layout);
  } else {
    chosen.planned_ = TRY(dnn::make_matmul(builder.machine(), product, pack));
  }
  return chosen;
}

Result<void> ChosenProduct::add_step(plan::Builder& builder, bool bends,
                                     std::vector<plan::BufferId> buffers) && {
  if (!by_hand_) return builder.step(std::move(buffers), std::move(planned_.primitive));
  const graph::Activation activation = bends ? builder.activation() : graph::Activation{};
  if (product_.input[0] == 1) {
    plan_row_product(builder, product_, panel_floats_, activation, std::move(buffers));
    return {};
  }
  Tiles tiles = tiles_of(product_, panel_floats_);
  tiles.activation = activation;
  plan_tiles(builder, tiles, product_.bias, buffers);
  return {};
}

}  // namespace torchkeep::runtime::kernels
