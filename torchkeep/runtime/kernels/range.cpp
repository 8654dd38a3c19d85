// Range-11: https://onnx.ai/onnx/operators/onnx__Range.html
#include <cmath>

#include "torchkeep/runtime/kernels/known.h"
#include "torchkeep/runtime/kernels/operators.h"
#include "torchkeep/runtime/kernels/types.h"

namespace torchkeep::runtime::kernels {
namespace {

using RangeTypes = Types<float, double, std::int64_t, std::int32_t, std::int16_t>;

class Range final : public Kernel {
 public:
  bool needs_known(std::size_t) const override { return true; }

  Result<void> plan(plan::Builder& builder) override {
    const DataType dtype = builder.input(0).dtype;
    for (std::size_t i = 0; i < 3; ++i) {
      const plan::Operand& input = builder.input(i);
      if (!input.constant || input.dtype != dtype ||
          input.constant->bytes().size() != element_bytes(dtype))
        return malformed("input ", i, " is not one known number of the first one's type");
    }
    Result<std::int64_t> count = std::int64_t{0};
    plan::Action action = TRY(action_for(RangeTypes(), dtype, [&]<typename T>() -> plan::Action {
      const auto number = [&](std::size_t i) {
        return builder.input(i).constant->elements<T>()[0];
      };
      const T start = number(0), delta = number(2);
      count = count_of(start, number(1), delta);
      if (!count) return {};
      return
          [start, delta, size = *count](std::span<std::byte* const> memory, Pool&) -> Result<void> {
            T* to = target<T>(memory, 0);
            for (std::int64_t i = 0; i < size; ++i)
              to[i] = static_cast<T>(start + static_cast<T>(i) * delta);
            return {};
          };
    }));
    const Shape shape{TRY(std::move(count))};
    builder.step({TRY(builder.write(0, dtype, shape))}, std::move(action));
    return {};
  }

 private:
  template <typename T>
  static Result<std::int64_t> count_of(T start, T limit, T delta) {
    if (delta == 0) return malformed("the step is 0, wanted is another number");
    if (delta > 0 ? start >= limit : start <= limit) return std::int64_t{0};
    // Double is enough: what it cannot count exactly is refused as absurd anyway.
    const double count = std::ceil((static_cast<double>(limit) - static_cast<double>(start)) /
                                   static_cast<double>(delta));
    if (!(count >= 0 && count < double{1LL << 40}))
      return malformed("the range has ", count, " numbers, at most 2^40 are wanted");
    return static_cast<std::int64_t>(count);
  }
};

}  // namespace

Result<KernelPointer> make_range(NodeReader&) { return std::make_unique<Range>(); }

}  // namespace torchkeep::runtime::kernels
