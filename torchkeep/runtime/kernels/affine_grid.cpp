// AffineGrid-20: https://onnx.ai/onnx/operators/onnx__AffineGrid.html
#include "torchkeep/runtime/kernels/axis.h"
#include "torchkeep/runtime/kernels/known.h"
#include "torchkeep/runtime/kernels/operators.h"
#include "torchkeep/runtime/kernels/whole.h"

namespace torchkeep::runtime::kernels {
namespace {

/// Where index `i` of `size` lies between -1 and 1.
double coordinate(std::size_t i, std::size_t size, bool align_corners) {
  const auto index = static_cast<double>(i), count = static_cast<double>(size);
  if (!align_corners) return (2 * index + 1) / count - 1;
  return size == 1 ? 0
                   : 2 * index / (count - 1) - 1;  // a single one is in the middle, as in PyTorch
}

/// Memory order: theta [n, rank, rank + 1], grid. `image`: the outermost dimension first.
template <typename T>
plan::Action action_of(std::size_t batch, const Shape& image, bool align_corners) {
  return [=](std::span<std::byte* const> memory, Pool& pool) -> Result<void> {
    const std::size_t rank = image.size(), points = extent(image, 0, rank);
    pool.parallel_for(batch * points, 4096, [&](std::size_t begin, std::size_t end) {
      for (std::size_t point = begin; point < end; ++point) {
        const T* theta = source<T>(memory, 0) + point / points * rank * (rank + 1);
        T* to = target<T>(memory, 1) + point * rank;
        double sums[3] = {};
        std::size_t left = point % points;
        for (std::size_t d = rank; d-- > 0;) {  // x, the last dimension, comes first
          const std::size_t size = extent(image, d, d + 1);
          const double x = coordinate(left % size, size, align_corners);
          left /= size;
          for (std::size_t r = 0; r < rank; ++r)
            sums[r] += x * static_cast<double>(theta[r * (rank + 1) + rank - 1 - d]);
        }
        for (std::size_t r = 0; r < rank; ++r)
          to[r] = static_cast<T>(sums[r] + static_cast<double>(theta[r * (rank + 1) + rank]));
      }
    });
    return {};
  };
}

class AffineGrid final : public Kernel {
 public:
  explicit AffineGrid(bool align_corners) : align_corners_(align_corners) {}

  bool needs_known(std::size_t input) const override { return input == 1; }

  Result<void> plan(plan::Builder& builder) override {
    const Shape& theta = builder.input(0).shape;
    const DataType dtype = builder.input(0).dtype;
    const std::vector<std::int64_t> size = TRY(known_ints(builder, 1));
    if (size.size() != 4 && size.size() != 5)
      return malformed("size has ", size.size(), " numbers, wanted are 4 or 5");
    TRY(check_shape(size));
    const std::int64_t rank = std::ssize(size) - 2;
    if (theta != Shape{size[0], rank, rank + 1})
      return malformed("theta has shape ", describe(theta), ", wanted is ",
                       describe({size[0], rank, rank + 1}));
    const Shape image(size.begin() + 2, size.end());
    Shape grid{size[0]};
    grid.insert(grid.end(), image.begin(), image.end());
    grid.push_back(rank);
    TRY(check_shape(grid));
    plan::Action action = TRY(action_for(FloatTypes(), dtype, [&]<typename T>() {
      return action_of<T>(extent(grid, 0, 1), image, align_corners_);
    }));
    std::vector<Made> made;
    made.push_back({dtype, grid});
    return plan_whole(builder, 1, std::move(made), std::move(action));
  }

 private:
  bool align_corners_;
};

}  // namespace

Result<KernelPointer> make_affine_grid(NodeReader& node) {
  const std::int64_t align = TRY(node.int_or("align_corners", 0));
  if (align != 0 && align != 1) return malformed("align_corners is ", align, ", wanted is 0 or 1");
  return std::make_unique<AffineGrid>(align == 1);
}

}  // namespace torchkeep::runtime::kernels
