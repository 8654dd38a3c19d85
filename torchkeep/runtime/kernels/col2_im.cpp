// Col2Im-18: https://onnx.ai/onnx/operators/onnx__Col2Im.html
#include <algorithm>

#include "torchkeep/runtime/kernels/axis.h"
#include "torchkeep/runtime/kernels/known.h"
#include "torchkeep/runtime/kernels/operators.h"
#include "torchkeep/runtime/kernels/whole.h"
#include "torchkeep/runtime/kernels/window_walk.h"

namespace torchkeep::runtime::kernels {
namespace {

/// Each column is added to the image where its block stood. Memory order: columns, image.
template <typename T>
plan::Action action_of(const WindowWalk& walk, std::size_t planes) {
  return [=](std::span<std::byte* const> memory, Pool& pool) -> Result<void> {
    const std::size_t columns = walk.taps() * walk.places();
    pool.parallel_for(planes, rows_a_thread(columns), [&](std::size_t begin, std::size_t end) {
      for (std::size_t plane = begin; plane < end; ++plane) {
        const T* from = source<T>(memory, 0) + plane * columns;
        T* to = target<T>(memory, 1) + plane * walk.elements();
        std::fill_n(to, walk.elements(), T{0});
        for (std::size_t place = 0; place < walk.places(); ++place)
          walk.visit(place, [&](std::size_t tap, std::size_t element) {
            to[element] = static_cast<T>(to[element] + from[tap * walk.places() + place]);
          });
      }
    });
    return {};
  };
}

class Col2Im final : public Kernel {
 public:
  explicit Col2Im(Window window) : window_(std::move(window)) {}

  bool needs_known(std::size_t input) const override { return input > 0; }

  Result<void> plan(plan::Builder& builder) override {
    TRY(expect_rank(builder, 0, 3));
    const Shape& input = builder.input(0).shape;
    const DataType dtype = builder.input(0).dtype;
    const Shape image = TRY(known_ints(builder, 1)), block = TRY(known_ints(builder, 2));
    if (image.empty() || image.size() > 3)
      return malformed("an image of shape ", describe(image), " has not 1 to 3 dimensions");
    TRY(check_shape(image));
    TRY(check_shape(block));
    if (std::ranges::find(block, 0) != block.end())
      return malformed("a block of shape ", describe(block), " has no elements");
    const PlacedWindow placed = TRY(place_window(window_, block, image));
    const WindowWalk walk(placed, image);
    const std::int64_t taps = dimension(walk.taps()), places = dimension(walk.places());
    if (input[1] % taps != 0 || input[2] != places)
      return malformed("columns of shape ", describe(input), " do not fit ", places,
                       " places of blocks of ", taps);
    Shape output{input[0], input[1] / taps};
    output.insert(output.end(), image.begin(), image.end());
    TRY(check_shape(output));
    plan::Action action = TRY(action_for(FloatTypes(), dtype, [&]<typename T>() {
      return action_of<T>(walk, extent(output, 0, 2));
    }));
    std::vector<Made> made;
    made.push_back({dtype, output});
    return plan_whole(builder, 1, std::move(made), std::move(action));
  }

 private:
  Window window_;
};

}  // namespace

Result<KernelPointer> make_col2_im(NodeReader& node) {
  Window window = TRY(read_window(node));
  return std::make_unique<Col2Im>(std::move(window));
}

}  // namespace torchkeep::runtime::kernels
