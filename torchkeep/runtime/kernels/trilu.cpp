// Trilu-14: https://onnx.ai/onnx/operators/onnx__Trilu.html
#include <algorithm>

#include "torchkeep/runtime/kernels/axis.h"
#include "torchkeep/runtime/kernels/known.h"
#include "torchkeep/runtime/kernels/operators.h"
#include "torchkeep/runtime/kernels/types.h"

namespace torchkeep::runtime::kernels {
namespace {

template <typename T>
plan::Action action_of(std::size_t rows, std::int64_t height, std::int64_t width,
                       std::int64_t diagonal, bool upper) {
  return [=](std::span<std::byte* const> memory, Pool&) -> Result<void> {
    const T* from = source<T>(memory, 0);
    T* to = target<T>(memory, 1);
    for (std::size_t row = 0; row < rows; ++row) {
      // The first column that is on the diagonal or above it.
      const std::int64_t y = static_cast<std::int64_t>(row) % height;
      const std::int64_t first = y + diagonal;
      const std::int64_t begin = upper ? std::clamp<std::int64_t>(first, 0, width) : 0;
      const std::int64_t end = upper ? width : std::clamp<std::int64_t>(first + 1, 0, width);
      for (std::int64_t x = 0; x < width; ++x) to[x] = x >= begin && x < end ? from[x] : T{0};
      from += width;
      to += width;
    }
    return {};
  };
}

class Trilu final : public Kernel {
 public:
  explicit Trilu(bool upper) : upper_(upper) {}

  bool needs_known(std::size_t input) const override { return input == 1; }

  Result<void> plan(plan::Builder& builder) override {
    const Shape shape = builder.input(0).shape;
    const DataType dtype = builder.input(0).dtype;
    const std::size_t rank = shape.size();
    if (rank < 2) return malformed("an input of shape ", describe(shape), " has no diagonal");
    const std::int64_t wanted = builder.has_input(1) ? TRY(known_int(builder, 1)) : 0;
    // Beyond the corners all diagonals are alike.
    const std::int64_t diagonal = std::clamp(wanted, -shape[rank - 2] - 1, shape[rank - 1] + 1);
    const std::size_t rows = extent(shape, 0, rank - 1);
    const plan::BufferId from = TRY(builder.read(0));
    builder.step({from, TRY(builder.write(0, dtype, shape))},
                 action_by_size(dtype, [&]<typename T>() {
                   return action_of<T>(rows, shape[rank - 2], shape[rank - 1], diagonal, upper_);
                 }));
    return {};
  }

 private:
  bool upper_;
};

}  // namespace

Result<KernelPointer> make_trilu(NodeReader& node) {
  return std::make_unique<Trilu>(TRY(node.int_or("upper", 1)) != 0);
}

}  // namespace torchkeep::runtime::kernels
