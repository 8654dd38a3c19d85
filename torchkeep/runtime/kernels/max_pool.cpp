// MaxPool-1 to MaxPool-22: https://onnx.ai/onnx/operators/onnx__MaxPool.html
// oneDNN does it for float32 and where quantised numbers lie as its convolutions like them, and
// does not tell where the largest element was.
#include "torchkeep/runtime/kernels/axis.h"
#include "torchkeep/runtime/kernels/operators.h"
#include "torchkeep/runtime/kernels/pooling.h"
#include "torchkeep/runtime/kernels/whole.h"
#include "torchkeep/runtime/kernels/window_walk.h"

namespace torchkeep::runtime::kernels {
namespace {

using PooledTypes = Types<float, double, std::int8_t, std::uint8_t>;

/// Memory order: input, output, indices if `tells`. Indices count all elements of the input.
template <typename T>
plan::Action action_of(const WindowWalk& walk, std::size_t planes, bool tells, bool columns_first) {
  return [=](std::span<std::byte* const> memory, Pool& pool) -> Result<void> {
    pool.parallel_for(planes, rows_a_thread(walk.places() * walk.taps()),
                      [&](std::size_t begin, std::size_t end) {
                        for (std::size_t plane = begin; plane < end; ++plane) {
                          const T* from = source<T>(memory, 0) + plane * walk.elements();
                          T* to = target<T>(memory, 1) + plane * walk.places();
                          for (std::size_t place = 0; place < walk.places(); ++place) {
                            std::optional<std::size_t> largest;
                            walk.visit(place, [&](std::size_t, std::size_t element) {
                              const T x = from[element];  // no number is the largest of all
                              if (!largest || x > from[*largest] || x != x) largest = element;
                            });
                            to[place] = from[*largest];
                            if (!tells) continue;
                            const std::size_t index =
                                columns_first ? walk.column_major(*largest) : *largest;
                            target<std::int64_t>(memory, 2)[plane * walk.places() + place] =
                                dimension(plane * walk.elements() + index);
                          }
                        }
                      });
    return {};
  };
}

class MaxPool final : public Kernel {
 public:
  MaxPool(Window window, bool columns_first, bool quantised)
      : window_(std::move(window)), columns_first_(columns_first), quantised_(quantised) {}

  Result<void> plan(plan::Builder& builder) override {
    const Shape spatial = TRY(spatial_shape_of_any(builder));
    const PlacedWindow placed = TRY(place_window(window_, {}, spatial));
    const DataType dtype = builder.input(0).dtype;
    const bool tells = builder.has_output(1);
    const bool bytes = dtype == DataType::UInt8 || dtype == DataType::Int8;
    if ((dtype == DataType::Float32 || (quantised_ && bytes)) && !tells)
      return plan_pooling(builder, dnn::PoolKind::Max, placed);
    const Shape& input = builder.input(0).shape;
    Shape output{input[0], input[1]};
    output.insert(output.end(), placed.output.begin(), placed.output.end());
    const WindowWalk walk(placed, spatial);
    TRY(walk.check_sight());
    plan::Action action = TRY(action_for(PooledTypes(), dtype, [&]<typename T>() {
      return action_of<T>(walk, extent(input, 0, 2), tells, columns_first_);
    }));
    std::vector<Made> made;
    made.push_back({dtype, output});
    if (tells) made.push_back({DataType::Int64, output});
    return plan_whole(builder, 1, std::move(made), std::move(action));
  }

 private:
  Window window_;
  bool columns_first_;
  bool quantised_;
};

}  // namespace

Result<KernelPointer> make_max_pool(NodeReader& node) {
  Window window = TRY(read_window(node));
  window.ceil = TRY(node.int_or("ceil_mode", 0)) != 0;
  const std::int64_t order = TRY(node.int_or("storage_order", 0));
  if (order != 0 && order != 1) return malformed("storage_order is ", order, ", wanted is 0 or 1");
  return std::make_unique<MaxPool>(std::move(window), order == 1,
                                   node.node().quantised.has_value());
}

}  // namespace torchkeep::runtime::kernels
