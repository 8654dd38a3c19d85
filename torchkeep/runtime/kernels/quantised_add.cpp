// Add-7, Add-13, Add-14 of quantised numbers: https://onnx.ai/onnx/operators/onnx__Add.html
// Each side is DequantizeLinear's result in the standard, and QuantizeLinear reads the sum; here no
// float reaches memory.
#include "torchkeep/runtime/kernels/axis.h"
#include "torchkeep/runtime/kernels/bytes.h"
#include "torchkeep/runtime/kernels/operators.h"
#include "torchkeep/runtime/kernels/processor.h"
#include "torchkeep/runtime/kernels/spread.h"

namespace torchkeep::runtime::kernels {
namespace {

struct Sum {
  graph::Quantisation left, right, to;
  float low, high;  ///< What the sum is limited to before it is rounded.

  template <typename T>
  [[gnu::always_inline]] T of(T one, T two) const {
    float sum = static_cast<float>(std::int32_t{one} - left.zero) * left.scale +
                static_cast<float>(std::int32_t{two} - right.zero) * right.scale;
    sum = sum > low ? sum : low;
    sum = sum < high ? sum : high;
    return quantise<T>(sum, to.scale, to.zero);
  }
};

template <typename T>
[[gnu::always_inline]] inline void add_all(const Sum* sum, const T* __restrict left,
                                           const T* __restrict right, std::size_t count,
                                           T* __restrict to) {
  const Sum wanted = *sum;
  for (std::size_t i = 0; i < count; ++i) to[i] = wanted.of(left[i], right[i]);
}

constexpr std::size_t kBytesAThread = 16384;

class QuantisedAdd final : public Kernel {
 public:
  explicit QuantisedAdd(const Sum& sum) : sum_(sum) {}

  Result<void> plan(plan::Builder& builder) override {
    for (std::size_t side = 0; side < 2; ++side) {
      if (builder.input(side).dtype != sum_.to.dtype)
        return malformed("input ", side, " is ", name_of(builder.input(side).dtype),
                         ", its zero point is ", name_of(sum_.to.dtype));
    }
    if (sum_.to.dtype == DataType::UInt8) return plan_bytes<std::uint8_t>(builder);
    return plan_bytes<std::int8_t>(builder);
  }

 private:
  template <typename T>
  Result<void> plan_bytes(plan::Builder& builder) {
    const Shape left = builder.input(0).shape, right = builder.input(1).shape;
    const DataType dtype = sum_.to.dtype;
    if (left != right) {
      const Shape output = TRY(broadcast_shapes(left, right));
      const Broadcast walk(left, right, output);
      const plan::BufferId first = TRY(builder.read(0)), second = TRY(builder.read(1));
      const plan::BufferId to = TRY(builder.write(0, dtype, output));
      builder.step({first, second, to},
                   spread<T, T>(walk, [sum = sum_](T one, T two) { return sum.of(one, two); }));
      return {};
    }
    // Elements that lie in the same order can be added in it, whatever it is.
    dnn::Layout layout = builder.input(0).layout;
    if (layout.is_padded()) layout = {};
    const plan::BufferId first = TRY(builder.read(0, layout)),
                         second = TRY(builder.read(1, layout));
    const plan::BufferId to = TRY(builder.write(0, dtype, left, layout));
    const std::size_t count = extent(left, 0, left.size());
    builder.step(
        {first, second, to},
        [count, sum = sum_](std::span<std::byte* const> memory, Pool& pool) -> Result<void> {
          pool.parallel_for(count, kBytesAThread, [&](std::size_t begin, std::size_t end) {
            run_compiled<add_all<T>>(&sum, source<T>(memory, 0) + begin,
                                     source<T>(memory, 1) + begin, end - begin,
                                     target<T>(memory, 2) + begin);
          });
          return {};
        });
    return {};
  }

  Sum sum_;
};

}  // namespace

Result<KernelPointer> make_quantised_add(NodeReader& node) {
  const graph::Quantised& mark = *node.node().quantised;
  const graph::Activation& activation = node.node().activation;
  using Kind = graph::Activation::Kind;
  constexpr float kMost = std::numeric_limits<float>::max();
  Sum sum{mark.input, mark.second.value(), mark.output.value(), -kMost, kMost};
  if (activation.kind == Kind::Relu) sum.low = 0;
  if (activation.kind == Kind::Clip) {
    sum.low = activation.low;
    sum.high = activation.high;
  }
  return std::make_unique<QuantisedAdd>(sum);
}

}  // namespace torchkeep::runtime::kernels
