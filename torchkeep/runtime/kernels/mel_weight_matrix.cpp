// MelWeightMatrix-17: https://onnx.ai/onnx/operators/onnx__MelWeightMatrix.html
#include <algorithm>
#include <cmath>

#include "torchkeep/runtime/kernels/cast_value.h"
#include "torchkeep/runtime/kernels/epilogue.h"
#include "torchkeep/runtime/kernels/known.h"
#include "torchkeep/runtime/kernels/operators.h"
#include "torchkeep/runtime/kernels/whole.h"

namespace torchkeep::runtime::kernels {
namespace {

enum Input : std::size_t { kBins, kLength, kRate, kLow, kHigh };

double mel_of(double hertz) { return 2595 * std::log10(1 + hertz / 700); }
double hertz_of(double mel) { return 700 * (std::pow(10, mel / 2595) - 1); }

struct Sizes {
  std::int64_t bins, length, rate;
  std::int64_t spectrum() const { return length / 2 + 1; }
};

/// Triangles whose corners are three neighbours of the mel scale's even steps.
/// Memory order: the lowest and the highest frequency, result [spectrum, bins].
template <typename T>
plan::Action action_of(const Sizes& sizes) {
  return [=](std::span<std::byte* const> memory, Pool&) -> Result<void> {
    const double low = double{*source<float>(memory, 0)}, high = double{*source<float>(memory, 1)};
    if (!(low >= 0 && high >= low && high <= static_cast<double>(sizes.rate)))
      return malformed("frequencies from ", low, " to ", high, " at a rate of ", sizes.rate);
    const double first = mel_of(low);
    // So many steps as the standard's own function takes, of which the last two are not used up.
    const double step = (mel_of(high) - first) / static_cast<double>(sizes.bins + 2);
    const auto corner = [&](std::int64_t i) {
      const double hertz = hertz_of(first + static_cast<double>(i) * step);
      return static_cast<std::int64_t>(std::floor(static_cast<double>(sizes.length + 1) * hertz /
                                                  static_cast<double>(sizes.rate)));
    };
    T* to = target<T>(memory, 2);
    std::fill_n(to, sizes.spectrum() * sizes.bins, T{0});
    for (std::int64_t bin = 0; bin < sizes.bins; ++bin) {
      const std::int64_t start = corner(bin), top = corner(bin + 1), end = corner(bin + 2);
      if (start < 0 || end > sizes.spectrum() || top >= sizes.spectrum())
        return malformed("a frequency of ", high, " is above half of the rate of ", sizes.rate);
      const auto set = [&](std::int64_t place, std::int64_t part, std::int64_t whole) {
        to[place * sizes.bins + bin] =
            convert<T>(static_cast<double>(part) / static_cast<double>(whole));
      };
      if (top == start) set(top, 1, 1);
      for (std::int64_t i = start; top > start && i <= top; ++i) set(i, i - start, top - start);
      for (std::int64_t i = top; end > top && i < end; ++i) set(i, end - i, end - top);
    }
    return {};
  };
}

class MelWeightMatrix final : public Kernel {
 public:
  explicit MelWeightMatrix(DataType dtype) : dtype_(dtype) {}

  bool needs_known(std::size_t input) const override { return input <= kRate; }

  Result<void> plan(plan::Builder& builder) override {
    const Sizes sizes{TRY(known_int(builder, kBins)), TRY(known_int(builder, kLength)),
                      TRY(known_int(builder, kRate))};
    if (sizes.bins < 1 || sizes.length < 1 || sizes.rate < 1)
      return malformed(sizes.bins, " bins of a transform of length ", sizes.length,
                       " at a rate of ", sizes.rate);
    const Shape output{sizes.spectrum(), sizes.bins};
    TRY(check_shape(output));
    plan::Action action =
        TRY(action_for(NumberTypes(), dtype_, [&]<typename T>() { return action_of<T>(sizes); }));
    std::vector<plan::BufferId> buffers;
    for (const std::size_t input : {kLow, kHigh}) {
      TRY(expect_float(builder, input));
      if (TRY(element_count(builder.input(input).shape)) != 1)
        return malformed("input ", input, " is no single frequency");
      buffers.push_back(TRY(builder.read(input)));
    }
    buffers.push_back(TRY(builder.write(0, dtype_, output)));
    builder.step(std::move(buffers), std::move(action));
    return {};
  }

 private:
  DataType dtype_;
};

}  // namespace

Result<KernelPointer> make_mel_weight_matrix(NodeReader& node) {
  const DataType dtype = TRY(data_type_of(TRY(node.int_or("output_datatype", 1))));
  if (is_half(dtype)) return malformed(name_of(dtype), " is not supported");
  return std::make_unique<MelWeightMatrix>(dtype);
}

}  // namespace torchkeep::runtime::kernels
