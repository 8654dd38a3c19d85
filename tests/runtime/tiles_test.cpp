// The loop of tiles against sums in double precision.
#include "torchkeep/runtime/kernels/tiles.h"

#include <cmath>
#include <limits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/runtime/reference.h"

namespace torchkeep::runtime::testing {
namespace {

using kernels::kTileColumns;
using kernels::kTileRows;
using kernels::Tiles;
using Kind = graph::Activation::Kind;

struct Shapes {
  std::size_t rows, inputs, columns;
};

/// A product of row-major matrices, and its weights as the loop wants them.
struct Case {
  explicit Case(const Shapes& shapes) {
    const std::size_t padded = (shapes.inputs + 15) / 16 * 16;
    tiles.rows = shapes.rows;
    tiles.inputs = shapes.inputs;
    tiles.columns = shapes.columns;
    tiles.panel_floats = padded * kTileColumns;
    for (std::size_t r = 0; r < kTileRows; ++r)
      tiles.places.push_back(static_cast<std::int32_t>(r * shapes.inputs));
    tiles.tile_step = kTileRows * shapes.inputs;
    tiles.depth_step = 16;
    tiles.row_step = shapes.columns;
    tiles.lanes_step = 16;
    input = random_floats(shapes.rows * shapes.inputs, random);
    weights = random_floats(shapes.inputs * shapes.columns, random);
    bias = random_floats(shapes.columns, random);
    before = random_floats(shapes.rows * shapes.columns, random);
    panels.resize(tiles.panels() * tiles.panel_floats);
    for (std::size_t i = 0; i < shapes.inputs; ++i) {
      for (std::size_t j = 0; j < shapes.columns; ++j)
        panels[j / kTileColumns * tiles.panel_floats + i * kTileColumns + j % kTileColumns] =
            weights[i * shapes.columns + j];
    }
  }

  /// Cut into two calls after `first_part` of the work.
  std::vector<float> multiply(bool biased, std::size_t first_part = 0) const {
    std::vector<float> to = before;
    const float* added = biased ? bias.data() : nullptr;
    multiply_tiles(tiles, input.data(), panels.data(), added, to.data(), 0, first_part);
    multiply_tiles(tiles, input.data(), panels.data(), added, to.data(), first_part, tiles.work());
    return to;
  }

  std::vector<float> wanted(bool biased) const {
    std::vector<float> to;
    for (std::size_t r = 0; r < tiles.rows; ++r) {
      for (std::size_t j = 0; j < tiles.columns; ++j) {
        double sum = biased ? double{bias[j]} : 0;
        for (std::size_t i = 0; i < tiles.inputs; ++i)
          sum += double{input[r * tiles.inputs + i]} * double{weights[i * tiles.columns + j]};
        if (tiles.add) sum += double{before[r * tiles.columns + j]};
        to.push_back(tiles.activation.apply(static_cast<float>(sum)));
      }
    }
    return to;
  }

  std::mt19937 random{3};
  Tiles tiles;
  std::vector<float> input, weights, bias, before, panels;
};

class TileProducts : public ::testing::TestWithParam<Shapes> {
 protected:
  void SetUp() override {
    if (!kernels::has_tiles()) GTEST_SKIP() << "this processor has no vectors of 512 bits";
  }
};

TEST_P(TileProducts, AgreeWithTheDefinition) {
  Case each(GetParam());
  // Sums of normal numbers: their rounding grows with the root of how many there are.
  const double tolerance = 1e-5 * std::sqrt(static_cast<double>(GetParam().inputs));
  for (const bool biased : {false, true}) {
    for (const bool add : {false, true}) {
      for (const Kind kind : {Kind::None, Kind::Relu, Kind::Clip, Kind::Gelu, Kind::HardSwish}) {
        each.tiles.add = add;
        each.tiles.activation = {kind, -0.5F, 1.5F};
        EXPECT_LT(largest_difference(each.multiply(biased), each.wanted(biased)), tolerance)
            << "biased " << biased << ", add " << add << ", activation " << static_cast<int>(kind);
      }
    }
  }
}

TEST_P(TileProducts, AreTheSameHoweverThreadsShareThem) {
  Case each(GetParam());
  each.tiles.add = true;
  const std::vector<float> whole = each.multiply(true);
  const std::size_t step = 1 + each.tiles.work() / 16;
  for (std::size_t cut = 0; cut <= each.tiles.work(); cut += step)
    EXPECT_EQ(each.multiply(true, cut), whole) << "cut at " << cut << " of " << each.tiles.work();
}

INSTANTIATE_TEST_SUITE_P(Tiles, TileProducts,
                         ::testing::Values(Shapes{1, 1, 1}, Shapes{6, 16, 64}, Shapes{5, 15, 63},
                                           Shapes{7, 17, 65}, Shapes{13, 40, 100},
                                           Shapes{2, 800, 130},   // two passes
                                           Shapes{9, 1553, 64},   // three, the last with a rest
                                           Shapes{256, 33, 192},  // more tiles than at once
                                           Shapes{259, 770, 80}));

TEST(Tiles, WhatIsNoNumberStaysNone) {
  if (!kernels::has_tiles()) GTEST_SKIP() << "this processor has no vectors of 512 bits";
  Case each({8, 20, 70});
  each.tiles.activation = {Kind::Relu};
  each.input[3 * 20 + 5] = std::numeric_limits<float>::quiet_NaN();
  const std::vector<float> to = each.multiply(false);
  for (std::size_t i = 0; i < to.size(); ++i) EXPECT_EQ(std::isnan(to[i]), i / 70 == 3) << i;
}

TEST(Tiles, InfinityInARowReachesNoOther) {
  if (!kernels::has_tiles()) GTEST_SKIP() << "this processor has no vectors of 512 bits";
  Case each({7, 18, 66});
  each.input[0] = std::numeric_limits<float>::infinity();
  const std::vector<float> to = each.multiply(false);
  for (std::size_t i = 0; i < to.size(); ++i) EXPECT_EQ(std::isfinite(to[i]), i >= 66) << i;
}

}  // namespace
}  // namespace torchkeep::runtime::testing
