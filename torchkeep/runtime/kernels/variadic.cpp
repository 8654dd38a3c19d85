// Max, Min, Sum, Mean of any number of inputs, versions 1 to 13:
// https://onnx.ai/onnx/operators/onnx__Max.html and the others' pages beside it.
#include <cmath>

#include "torchkeep/runtime/kernels/axis.h"
#include "torchkeep/runtime/kernels/broadcast.h"
#include "torchkeep/runtime/kernels/operators.h"
#include "torchkeep/runtime/kernels/spread.h"

namespace torchkeep::runtime::kernels {
namespace {

// A NaN on either side is the result, as PyTorch and NumPy have it.
struct Larger {
  template <typename T>
  T operator()(T left, T right) const {
    return left > right || left != left ? left : right;
  }
};
struct Smaller {
  template <typename T>
  T operator()(T left, T right) const {
    return left < right || left != left ? left : right;
  }
};
struct Plus {
  template <typename T>
  T operator()(T left, T right) const {
    return left + right;
  }
};

/// to = f(...f(f(in0, in1), in2)..., inN) / divisor. Memory order: the inputs, output.
template <typename T, typename F>
plan::Action action_of(const std::vector<Broadcast>& walks, std::size_t count, T divisor, F f) {
  return [walks, count, divisor, f](std::span<std::byte* const> memory, Pool&) -> Result<void> {
    T* to = target<T>(memory, walks.size());
    for (std::size_t k = 0; k < walks.size(); ++k) {
      const Broadcast& walk = walks[k];
      const T* from = source<T>(memory, k);
      for (std::size_t row = 0; row < walk.rows(); ++row) {
        const T* start = from + walk.start_of(1, row);
        T* place = to + row * walk.columns();
        const std::size_t step = walk.right_step();
        if (k == 0) {
          for (std::size_t i = 0; i < walk.columns(); ++i) place[i] = start[i * step];
        } else if (walk.columns() > 0) {
          spread_row(place, 1, start, step, place, walk.columns(), f);
        }
      }
    }
    if (divisor != T{1}) {
      for (std::size_t i = 0; i < count; ++i) to[i] = static_cast<T>(to[i] / divisor);
    }
    return {};
  };
}

template <typename List, typename F>
class Variadic final : public Kernel {
 public:
  explicit Variadic(bool mean) : mean_(mean) {}

  Result<void> plan(plan::Builder& builder) override {
    const DataType dtype = builder.input(0).dtype;
    Shape output = builder.input(0).shape;
    for (std::size_t i = 0; i < builder.input_count(); ++i) {
      if (!builder.has_input(i)) return malformed("input ", i, " is left out");
      if (builder.input(i).dtype != dtype)
        return malformed("inputs are ", name_of(dtype), " and ", name_of(builder.input(i).dtype));
      output = TRY(broadcast_shapes(output, builder.input(i).shape));
    }
    std::vector<Broadcast> walks;
    std::vector<plan::BufferId> buffers;
    for (std::size_t i = 0; i < builder.input_count(); ++i) {
      // The result itself is the left side, which makes rows of what the right side allows.
      walks.emplace_back(output, builder.input(i).shape, output);
      buffers.push_back(TRY(builder.read(i)));
    }
    const std::size_t count = extent(output, 0, output.size());
    plan::Action action = TRY(action_for(List(), dtype, [&]<typename T>() {
      const T divisor = mean_ ? static_cast<T>(walks.size()) : T{1};
      return action_of<T>(walks, count, divisor, F());
    }));
    buffers.push_back(TRY(builder.write(0, dtype, std::move(output))));
    builder.step(std::move(buffers), std::move(action));
    return {};
  }

 private:
  bool mean_;
};

}  // namespace

Result<KernelPointer> make_max(NodeReader&) {
  return std::make_unique<Variadic<NumberTypes, Larger>>(false);
}
Result<KernelPointer> make_min(NodeReader&) {
  return std::make_unique<Variadic<NumberTypes, Smaller>>(false);
}
Result<KernelPointer> make_sum(NodeReader&) {
  return std::make_unique<Variadic<FloatTypes, Plus>>(false);
}
Result<KernelPointer> make_mean(NodeReader&) {
  return std::make_unique<Variadic<FloatTypes, Plus>>(true);
}

}  // namespace torchkeep::runtime::kernels
