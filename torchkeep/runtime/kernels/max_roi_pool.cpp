// MaxRoiPool-1, MaxRoiPool-22: https://onnx.ai/onnx/operators/onnx__MaxRoiPool.html
// The standard leaves open where a region's cells begin and end: as in PyTorch's roi_pool, which is
// exported so, corners are rounded to whole elements, and a cell without elements is 0.
#include <algorithm>
#include <cmath>

#include "torchkeep/runtime/kernels/axis.h"
#include "torchkeep/runtime/kernels/epilogue.h"
#include "torchkeep/runtime/kernels/known.h"
#include "torchkeep/runtime/kernels/operators.h"
#include "torchkeep/runtime/kernels/whole.h"

namespace torchkeep::runtime::kernels {
namespace {

constexpr float kFar = 1e6F;  // beyond which no image reaches

struct Sizes {
  std::size_t images, channels, height, width, regions, rows, columns;
};

/// Where a region's cells begin and end along one dimension.
class Cells {
 public:
  Cells(float low, float high, std::size_t count, std::size_t size)
      : start_(std::round(low)),
        step_(std::max(std::round(high) - start_ + 1, 1.0F) / static_cast<float>(count)),
        size_(static_cast<float>(size)) {}

  std::size_t begin(std::size_t cell) const {
    return place(std::floor(static_cast<float>(cell) * step_));
  }
  /// After the last; cells may share elements.
  std::size_t end(std::size_t cell) const {
    return place(std::ceil(static_cast<float>(cell + 1) * step_));
  }

 private:
  std::size_t place(float far) const {
    return static_cast<std::size_t>(std::clamp(start_ + far, 0.0F, size_));
  }

  float start_, step_, size_;
};

float largest_of(const float* plane, const Sizes& sizes, const Cells& down, std::size_t row,
                 const Cells& along, std::size_t column) {
  const std::size_t bottom = down.end(row), right = along.end(column);
  std::optional<float> largest;
  for (std::size_t y = down.begin(row); y < bottom; ++y) {
    for (std::size_t x = along.begin(column); x < right; ++x) {
      const float value = plane[y * sizes.width + x];
      if (!largest || value > *largest) largest = value;
    }
  }
  return largest.value_or(0);
}

/// Memory order: images, regions [regions, image and two corners], result.
plan::Action action_of(const Sizes& sizes, float scale) {
  return [=](std::span<std::byte* const> memory, Pool& pool) -> Result<void> {
    const float* regions = source<float>(memory, 1);
    for (std::size_t r = 0; r < sizes.regions; ++r) {
      const float image = regions[r * 5];
      if (!(image >= 0 && image < static_cast<float>(sizes.images)))
        return malformed("region ", r, " is of image ", image, " of ", sizes.images);
      for (std::size_t i = 1; i < 5; ++i) {
        if (!(std::abs(regions[r * 5 + i] * scale) < kFar))
          return malformed("region ", r, " is out of all bounds");
      }
    }
    pool.parallel_for(sizes.regions * sizes.channels, 1, [&](std::size_t begin, std::size_t end) {
      for (std::size_t i = begin; i < end; ++i) {
        const float* region = regions + i / sizes.channels * 5;
        const Cells along(region[1] * scale, region[3] * scale, sizes.columns, sizes.width),
            down(region[2] * scale, region[4] * scale, sizes.rows, sizes.height);
        const std::size_t channel =
            static_cast<std::size_t>(region[0]) * sizes.channels + i % sizes.channels;
        const float* plane = source<float>(memory, 0) + channel * sizes.height * sizes.width;
        float* to = target<float>(memory, 2) + i * sizes.rows * sizes.columns;
        for (std::size_t row = 0; row < sizes.rows; ++row) {
          for (std::size_t column = 0; column < sizes.columns; ++column)
            *to++ = largest_of(plane, sizes, down, row, along, column);
        }
      }
    });
    return {};
  };
}

class MaxRoiPool final : public Kernel {
 public:
  MaxRoiPool(std::vector<std::int64_t> cells, float scale)
      : cells_(std::move(cells)), scale_(scale) {}

  Result<void> plan(plan::Builder& builder) override {
    TRY(expect_float(builder, 0));
    TRY(expect_float(builder, 1));
    const Shape &images = builder.input(0).shape, &regions = builder.input(1).shape;
    if (images.size() != 4 || regions.size() != 2 || regions[1] != 5)
      return malformed("images ", describe(images), " and regions ", describe(regions),
                       " do not fit, wanted are 4 dimensions and 5 numbers a region");
    const Shape output{regions[0], images[1], cells_[0], cells_[1]};
    TRY(check_shape(output));
    const Sizes sizes{extent(images, 0, 1), extent(images, 1, 2),  extent(images, 2, 3),
                      extent(images, 3, 4), extent(regions, 0, 1), extent(output, 2, 3),
                      extent(output, 3, 4)};
    std::vector<Made> made;
    made.push_back({DataType::Float32, output});
    return plan_whole(builder, 2, std::move(made), action_of(sizes, scale_));
  }

 private:
  std::vector<std::int64_t> cells_;  ///< Rows and columns that each region becomes.
  float scale_;
};

}  // namespace

Result<KernelPointer> make_max_roi_pool(NodeReader& node) {
  std::vector<std::int64_t> cells = TRY(node.ints("pooled_shape"));
  if (cells.size() != 2 ||
      std::ranges::any_of(cells, [](std::int64_t size) { return size < 1 || size > 4096; }))
    return malformed("pooled_shape is ", describe(cells), ", wanted are two sizes up to 4096");
  return std::make_unique<MaxRoiPool>(std::move(cells), TRY(node.float_or("spatial_scale", 1)));
}

}  // namespace torchkeep::runtime::kernels
