// DFT-17, DFT-20: https://onnx.ai/onnx/operators/onnx__DFT.html
// Version 20 has the axis as an input, and real results of one-sided spectra.
#include <algorithm>

#include "torchkeep/runtime/kernels/axis.h"
#include "torchkeep/runtime/kernels/known.h"
#include "torchkeep/runtime/kernels/operators.h"
#include "torchkeep/runtime/kernels/signal_rows.h"
#include "torchkeep/runtime/kernels/whole.h"

namespace torchkeep::runtime::kernels {
namespace {

struct Sizes {
  std::size_t outer = 1, inner = 1;          ///< Rows before and after the axis.
  std::size_t from = 1, length = 1, to = 1;  ///< Of the input, of the transform, of the result.
  std::size_t parts_from = 1, parts_to = 2;  ///< 1: real, 2: complex.
  bool mirrored = false;  ///< The input is the first half of a spectrum whose signal is real.
};

/// The number at `k` of a row, 0 beyond what is there.
template <typename T>
Fourier::Number number_at(const T* from, const Sizes& sizes, std::size_t start, std::size_t k) {
  const bool mirrors = sizes.mirrored && k > sizes.length / 2;
  const std::size_t place = mirrors ? sizes.length - k : k;
  if (place >= sizes.from) return 0;
  const Fourier::Number number = read_number(from, start + place * sizes.inner, sizes.parts_from);
  return mirrors ? std::conj(number) : number;
}

template <typename T>
plan::Action action_of(const Sizes& sizes, std::shared_ptr<const Fourier> fourier) {
  return [=](std::span<std::byte* const> memory, Pool& pool) -> Result<void> {
    pool.parallel_for(
        sizes.outer * sizes.inner, 1 + 256 / sizes.length, [&](std::size_t begin, std::size_t end) {
          FourierRows rows(sizes.length);
          for (std::size_t row = begin; row < end; ++row) {
            const std::size_t outer = row / sizes.inner, inner = row % sizes.inner;
            const std::size_t start = outer * sizes.from * sizes.inner + inner;
            for (std::size_t k = 0; k < sizes.length; ++k)
              rows.from()[k] = number_at(source<T>(memory, 0), sizes, start, k);
            fourier->transform(rows.from(), rows.to(), rows.scratch());
            T* to =
                target<T>(memory, 1) + (outer * sizes.to * sizes.inner + inner) * sizes.parts_to;
            for (std::size_t k = 0; k < sizes.to; ++k, to += sizes.inner * sizes.parts_to) {
              to[0] = static_cast<T>(rows.to()[k].real());
              if (sizes.parts_to == 2) to[1] = static_cast<T>(rows.to()[k].imag());
            }
          }
        });
    return {};
  };
}

class Dft final : public Kernel {
 public:
  Dft(std::optional<std::int64_t> axis, bool inverse, bool onesided)
      : axis_(axis), inverse_(inverse), onesided_(onesided) {}

  bool needs_known(std::size_t input) const override { return input > 0; }

  Result<void> plan(plan::Builder& builder) override {
    const Shape& input = builder.input(0).shape;
    const DataType dtype = builder.input(0).dtype;
    if (input.size() < 2 || (input.back() != 1 && input.back() != 2))
      return malformed("an input of shape ", describe(input), " is no signal of 1 or 2 parts");
    std::int64_t number = axis_.value_or(-2);
    if (!axis_ && builder.has_input(2)) number = TRY(known_int(builder, 2));
    const std::size_t axis = TRY(resolve_axis(number, input.size()));
    if (axis + 1 == input.size()) return malformed("axis ", number, " is that of the parts");
    Sizes sizes;
    sizes.outer = extent(input, 0, axis);
    sizes.inner = extent(input, axis + 1, input.size() - 1);
    sizes.parts_from = extent(input, input.size() - 1, input.size());
    sizes.from = extent(input, axis, axis + 1);
    sizes.mirrored = inverse_ && onesided_;
    if (onesided_ && sizes.parts_from != (inverse_ ? 2u : 1u))
      return malformed("onesided is 1 for numbers of ", sizes.parts_from, " parts");
    // Of half a spectrum the signal is taken to be of an even length.
    std::int64_t length = sizes.mirrored ? 2 * (input[axis] - 1) : input[axis];
    if (builder.has_input(1)) length = TRY(known_int(builder, 1));
    if (length < 1) return malformed("a transform of length ", length, ", wanted is 1 or more");
    Shape output = input;
    output[axis] = onesided_ && !inverse_ ? length / 2 + 1 : length;
    output.back() = sizes.mirrored ? 1 : 2;
    TRY(check_shape(output));
    TRY(byte_count(dtype, {length, 2}));
    sizes.length = static_cast<std::size_t>(length);
    sizes.to = extent(output, axis, axis + 1);
    sizes.parts_to = extent(output, output.size() - 1, output.size());
    if (sizes.length > kLongest)
      return malformed("a transform of length ", length, ", at most ", kLongest, " is supported");
    const auto fourier = std::make_shared<const Fourier>(sizes.length, inverse_);
    plan::Action action = TRY(action_for(
        FloatTypes(), dtype, [&]<typename T>() { return action_of<T>(sizes, fourier); }));
    std::vector<Made> made;
    made.push_back({dtype, output});
    return plan_whole(builder, 1, std::move(made), std::move(action));
  }

 private:
  static constexpr std::size_t kLongest = std::size_t{1} << 20;

  std::optional<std::int64_t> axis_;  ///< Of version 17.
  bool inverse_, onesided_;
};

}  // namespace

Result<KernelPointer> make_dft(NodeReader& node) {
  const bool inverse = TRY(node.int_or("inverse", 0)) != 0,
             onesided = TRY(node.int_or("onesided", 0)) != 0;
  if (node.opset() >= 20) return std::make_unique<Dft>(std::nullopt, inverse, onesided);
  if (node.has_input(2)) return malformed("there are 3 inputs, at most 2 are wanted");
  if (inverse && onesided)
    return malformed("inverse and onesided are both 1, which operator set 20 has a meaning for");
  return std::make_unique<Dft>(TRY(node.int_or("axis", 1)), inverse, onesided);
}

}  // namespace torchkeep::runtime::kernels
