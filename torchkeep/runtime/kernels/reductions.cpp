// ReduceSum, ReduceMean, ReduceMax, ReduceMin, ReduceProd, ReduceL1, ReduceL2, ReduceLogSum,
// ReduceLogSumExp, ReduceSumSquare, versions 1 to 20:
// https://onnx.ai/onnx/operators/onnx__ReduceSum.html and the others' pages beside it.
// From version 18 (ReduceSum: 13) on, axes are an input; both forms are read.
#include <array>

#include "torchkeep/runtime/kernels/axis.h"
#include "torchkeep/runtime/kernels/known.h"
#include "torchkeep/runtime/kernels/operators.h"
#include "torchkeep/runtime/kernels/reduction.h"
#include "torchkeep/runtime/kernels/strided.h"

namespace torchkeep::runtime::kernels {
namespace {

/// Dimensions and the elements between neighbours, as few as they can be told in.
struct Walk {
  std::vector<std::size_t> sizes, strides;

  void add(std::size_t size, std::size_t stride) {
    if (size == 1) return;
    if (!sizes.empty() && strides.back() == stride * size) {
      sizes.back() *= size;
      strides.back() = stride;
    } else {
      sizes.push_back(size);
      strides.push_back(stride);
    }
  }
  std::size_t count(std::size_t inner = 0) const {
    std::size_t product = 1;
    for (std::size_t i = 0; i + inner < sizes.size(); ++i) product *= sizes[i];
    return product;
  }
  std::size_t place(std::size_t index, std::size_t inner = 0) const {
    std::size_t sum = 0;
    for (std::size_t i = sizes.size() - inner; i-- > 0;) {
      sum += index % sizes[i] * strides[i];
      index /= sizes[i];
    }
    return sum;
  }
};

/// One element of the result: of everything that `reduced` walks over from `start` on.
template <typename T, typename R>
T reduce(const T* start, const Walk& reduced) {
  std::array<typename R::State, 4> states;  // side by side, so that none waits for the one before
  states.fill(R::start());
  const bool single = reduced.sizes.empty();
  const std::size_t columns = single ? 1 : reduced.sizes.back(),
                    step = single ? 1 : reduced.strides.back();
  const std::size_t rows = single ? 1 : reduced.count(1);
  for (std::size_t row = 0; row < rows && columns > 0; ++row) {
    const T* from = start + (single ? 0 : reduced.place(row, 1));
    std::size_t i = 0;
    for (; i + 4 <= columns; i += 4) {
      for (std::size_t k = 0; k < 4; ++k) states[k] = R::add(states[k], from[(i + k) * step]);
    }
    for (; i < columns; ++i) states[0] = R::add(states[0], from[i * step]);
  }
  return R::finish(R::join(R::join(states[0], states[1]), R::join(states[2], states[3])),
                   reduced.count());
}

template <typename List, template <typename> typename R>
class Reduction final : public Kernel {
 public:
  Reduction(std::vector<std::int64_t> axes, bool keep, bool nothing_without_axes)
      : axes_(std::move(axes)), keep_(keep), nothing_without_axes_(nothing_without_axes) {}

  bool needs_known(std::size_t input) const override { return input == 1; }

  Result<void> plan(plan::Builder& builder) override {
    const Shape& input = builder.input(0).shape;
    const DataType dtype = builder.input(0).dtype;
    const std::vector<std::int64_t> axes = TRY(axes_of(builder, 1, axes_));
    const bool all = axes.empty() && !nothing_without_axes_;
    std::vector<bool> chosen(input.size(), all);
    for (const std::int64_t axis : axes) chosen[TRY(resolve_axis(axis, input.size()))] = true;
    Walk kept, reduced;
    Shape output;
    for (std::size_t i = 0; i < input.size(); ++i) {
      (chosen[i] ? reduced : kept)
          .add(static_cast<std::size_t>(input[i]), extent(input, i + 1, input.size()));
      if (!chosen[i]) output.push_back(input[i]);
      if (chosen[i] && keep_) output.push_back(1);
    }
    // Truth values are ordered like the bytes that they are.
    const DataType held = dtype == DataType::Bool && kTruths ? DataType::UInt8 : dtype;
    plan::Action action =
        TRY(action_for(List(), held, [&]<typename T>() { return action_of<T>(kept, reduced); }));
    const plan::BufferId from = TRY(builder.read(0));
    builder.step({from, TRY(builder.write(0, dtype, std::move(output)))}, std::move(action));
    return {};
  }

 private:
  static constexpr bool kTruths =
      std::is_same_v<R<float>, LargestOf<float>> || std::is_same_v<R<float>, SmallestOf<float>>;

  template <typename T>
  static plan::Action action_of(const Walk& kept, const Walk& reduced) {
    return [kept, reduced](std::span<std::byte* const> memory, Pool& pool) -> Result<void> {
      const T* from = source<T>(memory, 0);
      T* to = target<T>(memory, 1);
      pool.parallel_for(kept.count(), rows_a_thread(reduced.count()),
                        [&](std::size_t begin, std::size_t end) {
                          for (std::size_t i = begin; i < end; ++i)
                            to[i] = reduce<T, R<T>>(from + kept.place(i), reduced);
                        });
      return {};
    };
  }

  std::vector<std::int64_t> axes_;
  bool keep_, nothing_without_axes_;
};

template <typename List, template <typename> typename R>
Result<KernelPointer> make_reduction(NodeReader& node) {
  std::vector<std::int64_t> axes = TRY(node.ints("axes"));
  const bool keep = TRY(node.int_or("keepdims", 1)) != 0;
  const bool nothing = TRY(node.int_or("noop_with_empty_axes", 0)) != 0;
  return std::make_unique<Reduction<List, R>>(std::move(axes), keep, nothing);
}

using WideTypes = Types<float, double, std::int64_t, std::int32_t>;

}  // namespace

Result<KernelPointer> make_reduce_l1(NodeReader& node) {
  return make_reduction<WideTypes, SumOfSizes>(node);
}
Result<KernelPointer> make_reduce_l2(NodeReader& node) {
  return make_reduction<WideTypes, LengthOf>(node);
}
Result<KernelPointer> make_reduce_log_sum(NodeReader& node) {
  return make_reduction<WideTypes, LogarithmOfSum>(node);
}
Result<KernelPointer> make_reduce_log_sum_exp(NodeReader& node) {
  return make_reduction<FloatTypes, LogarithmOfExponentials>(node);
}
Result<KernelPointer> make_reduce_max(NodeReader& node) {
  return make_reduction<NumberTypes, LargestOf>(node);
}
Result<KernelPointer> make_reduce_mean(NodeReader& node) {
  return make_reduction<WideTypes, MeanOf>(node);
}
Result<KernelPointer> make_reduce_min(NodeReader& node) {
  return make_reduction<NumberTypes, SmallestOf>(node);
}
Result<KernelPointer> make_reduce_prod(NodeReader& node) {
  return make_reduction<WideTypes, ProductOf>(node);
}
Result<KernelPointer> make_reduce_sum(NodeReader& node) {
  return make_reduction<WideTypes, SumOf>(node);
}
Result<KernelPointer> make_reduce_sum_square(NodeReader& node) {
  return make_reduction<WideTypes, SumOfSquares>(node);
}

}  // namespace torchkeep::runtime::kernels
