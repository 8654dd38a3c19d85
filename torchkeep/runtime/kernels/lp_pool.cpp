// LpPool-1 to LpPool-22: https://onnx.ai/onnx/operators/onnx__LpPool.html
// GlobalLpPool-1 to GlobalLpPool-22: https://onnx.ai/onnx/operators/onnx__GlobalLpPool.html
// Until version 1, p was a float.
#include <cmath>

#include "torchkeep/runtime/kernels/axis.h"
#include "torchkeep/runtime/kernels/operators.h"
#include "torchkeep/runtime/kernels/pooling.h"
#include "torchkeep/runtime/kernels/whole.h"
#include "torchkeep/runtime/kernels/window_walk.h"

namespace torchkeep::runtime::kernels {
namespace {

/// The p-norm of what a window sees; padding adds nothing.
template <typename T>
plan::Action action_of(const WindowWalk& walk, std::size_t planes, double p) {
  return [=](std::span<std::byte* const> memory, Pool& pool) -> Result<void> {
    pool.parallel_for(
        planes, rows_a_thread(walk.places() * walk.taps()),
        [&](std::size_t begin, std::size_t end) {
          for (std::size_t plane = begin; plane < end; ++plane) {
            const T* from = source<T>(memory, 0) + plane * walk.elements();
            for (std::size_t place = 0; place < walk.places(); ++place) {
              double sum = 0;
              walk.visit(place, [&](std::size_t, std::size_t element) {
                const double size = std::abs(static_cast<double>(from[element]));
                sum += p == 1 ? size : p == 2 ? size * size : std::pow(size, p);
              });
              const double norm = p == 1 ? sum : p == 2 ? std::sqrt(sum) : std::pow(sum, 1 / p);
              target<T>(memory, 1)[plane * walk.places() + place] = static_cast<T>(norm);
            }
          }
        });
    return {};
  };
}

class LpPool final : public Kernel {
 public:
  LpPool(Window window, bool global, double p)
      : window_(std::move(window)), global_(global), p_(p) {}

  Result<void> plan(plan::Builder& builder) override {
    const Shape spatial = TRY(spatial_shape_of_any(builder));
    Window window = window_;
    if (global_) window.kernel = spatial;
    const PlacedWindow placed = TRY(place_window(window, {}, spatial));
    const Shape& input = builder.input(0).shape;
    const DataType dtype = builder.input(0).dtype;
    Shape output{input[0], input[1]};
    output.insert(output.end(), placed.output.begin(), placed.output.end());
    const WindowWalk walk(placed, spatial);
    plan::Action action = TRY(action_for(FloatTypes(), dtype, [&]<typename T>() {
      return action_of<T>(walk, extent(input, 0, 2), p_);
    }));
    std::vector<Made> made;
    made.push_back({dtype, output});
    return plan_whole(builder, 1, std::move(made), std::move(action));
  }

 private:
  Window window_;
  bool global_;
  double p_;
};

Result<double> read_p(NodeReader& node) {
  const double p = node.opset() < 2 ? double{TRY(node.float_or("p", 2))}
                                    : static_cast<double>(TRY(node.int_or("p", 2)));
  if (!(p > 0 && p <= 1024)) return malformed("p is ", p, ", wanted is above 0");
  return p;
}

}  // namespace

Result<KernelPointer> make_lp_pool(NodeReader& node) {
  Window window = TRY(read_window(node));
  window.ceil = TRY(node.int_or("ceil_mode", 0)) != 0;
  return std::make_unique<LpPool>(std::move(window), false, TRY(read_p(node)));
}
Result<KernelPointer> make_global_lp_pool(NodeReader& node) {
  return std::make_unique<LpPool>(Window(), true, TRY(read_p(node)));
}

}  // namespace torchkeep::runtime::kernels
