// Multinomial-7, Multinomial-22: https://onnx.ai/onnx/operators/onnx__Multinomial.html
#include <algorithm>
#include <cmath>

#include "torchkeep/runtime/kernels/axis.h"
#include "torchkeep/runtime/kernels/epilogue.h"
#include "torchkeep/runtime/kernels/indices.h"
#include "torchkeep/runtime/kernels/known.h"
#include "torchkeep/runtime/kernels/operators.h"
#include "torchkeep/runtime/kernels/random.h"
#include "torchkeep/runtime/kernels/whole.h"

namespace torchkeep::runtime::kernels {
namespace {

struct Sizes {
  std::size_t batch = 0, classes = 0, samples = 0;
};

/// Memory order: logarithms of chances, classes that were drawn, a row of doubles.
template <typename T>
plan::Action action_of(const RandomSource& source_of_numbers, const Sizes& sizes) {
  return [=](std::span<std::byte* const> memory, Pool&) -> Result<void> {
    const RandomNumbers numbers = TRY(source_of_numbers.start());
    double* sums = target<double>(memory, 2);
    for (std::size_t row = 0; row < sizes.batch; ++row) {
      const float* logarithms = source<float>(memory, 0) + row * sizes.classes;
      const auto largest = double{*std::max_element(logarithms, logarithms + sizes.classes)};
      double sum = 0;
      for (std::size_t i = 0; i < sizes.classes; ++i)
        sums[i] = sum += std::exp(double{logarithms[i]} - largest);
      if (!std::isfinite(sum)) return malformed("row ", row, " holds no chances");
      for (std::size_t k = 0; k < sizes.samples; ++k) {
        const std::size_t place = row * sizes.samples + k;
        // The first class whose part of the sum ends after the point that was drawn.
        const double point = numbers.uniform<double>(place) * sum;
        const double* found = std::upper_bound(sums, sums + sizes.classes, point);
        target<T>(memory, 1)[place] =
            static_cast<T>(std::min<std::ptrdiff_t>(found - sums, dimension(sizes.classes) - 1));
      }
    }
    return {};
  };
}

class Multinomial final : public Kernel {
 public:
  Multinomial(RandomSource source, DataType dtype, std::int64_t samples)
      : source_(source), dtype_(dtype), samples_(samples) {}

  bool is_constant() const override { return false; }

  Result<void> plan(plan::Builder& builder) override {
    TRY(expect_float(builder, 0));
    TRY(expect_rank(builder, 0, 2));
    const Shape& input = builder.input(0).shape;
    if (input[1] == 0) return malformed("there are no classes to draw from");
    const Shape output{input[0], samples_};
    TRY(check_shape(output));
    const Sizes sizes{extent(input, 0, 1), extent(input, 1, 2), extent(output, 1, 2)};
    plan::Action action = TRY(action_for(
        IndexTypes(), dtype_, [&]<typename T>() { return action_of<T>(source_, sizes); }));
    const plan::BufferId from = TRY(builder.read(0)), to = TRY(builder.write(0, dtype_, output)),
                         sums = TRY(builder.scratch(sizes.classes * sizeof(double)));
    builder.step({from, to, sums}, std::move(action));
    return {};
  }

 private:
  RandomSource source_;
  DataType dtype_;
  std::int64_t samples_;
};

}  // namespace

Result<KernelPointer> make_multinomial(NodeReader& node) {
  const RandomSource source = TRY(RandomSource::read(node));
  const DataType dtype = TRY(read_dtype(node)).value_or(DataType::Int32);
  const std::int64_t samples = TRY(node.int_or("sample_size", 1));
  if (samples < 1) return malformed("sample_size is ", samples, ", wanted is 1 or more");
  return std::make_unique<Multinomial>(source, dtype, samples);
}

}  // namespace torchkeep::runtime::kernels
