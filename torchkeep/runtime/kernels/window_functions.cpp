// BlackmanWindow-17, HammingWindow-17, HannWindow-17:
// https://onnx.ai/onnx/operators/onnx__HannWindow.html and the others' pages beside it.
#include <array>
#include <cmath>
#include <numbers>

#include "torchkeep/runtime/kernels/cast_value.h"
#include "torchkeep/runtime/kernels/known.h"
#include "torchkeep/runtime/kernels/operators.h"
#include "torchkeep/runtime/kernels/whole.h"

namespace torchkeep::runtime::kernels {
namespace {

using Factors = std::array<double, 3>;  // of 1, cos(x) and cos(2 x)

class WindowFunction final : public Kernel {
 public:
  WindowFunction(Factors factors, bool periodic, DataType dtype)
      : factors_(factors), periodic_(periodic), dtype_(dtype) {}
  bool needs_known(std::size_t) const override { return true; }

  Result<void> plan(plan::Builder& builder) override {
    const std::int64_t size = TRY(known_int(builder, 0));
    TRY(check_shape({size}));
    const double period = static_cast<double>(periodic_ ? size : size - 1);
    plan::Action action = TRY(action_for(NumberTypes(), dtype_, [&]<typename T>() -> plan::Action {
      return [size, period, factors = factors_](std::span<std::byte* const> memory,
                                                Pool&) -> Result<void> {
        for (std::int64_t i = 0; i < size; ++i) {
          const double x = 2 * std::numbers::pi * static_cast<double>(i) / period;
          target<T>(memory, 0)[i] =
              convert<T>(factors[0] + factors[1] * std::cos(x) + factors[2] * std::cos(2 * x));
        }
        return {};
      };
    }));
    builder.step({TRY(builder.write(0, dtype_, {size}))}, std::move(action));
    return {};
  }

 private:
  Factors factors_;
  bool periodic_;
  DataType dtype_;
};

Result<KernelPointer> make(NodeReader& node, Factors factors) {
  const bool periodic = TRY(node.int_or("periodic", 1)) != 0;
  const DataType dtype = TRY(data_type_of(TRY(node.int_or("output_datatype", 1))));
  return std::make_unique<WindowFunction>(factors, periodic, dtype);
}

}  // namespace

Result<KernelPointer> make_blackman_window(NodeReader& node) {
  return make(node, {0.42, -0.5, 0.08});
}
Result<KernelPointer> make_hamming_window(NodeReader& node) {
  return make(node, {25.0 / 46, -21.0 / 46, 0});
}
Result<KernelPointer> make_hann_window(NodeReader& node) { return make(node, {0.5, -0.5, 0}); }

}  // namespace torchkeep::runtime::kernels
