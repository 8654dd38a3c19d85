// STFT-17: https://onnx.ai/onnx/operators/onnx__STFT.html
#include "torchkeep/runtime/kernels/axis.h"
#include "torchkeep/runtime/kernels/known.h"
#include "torchkeep/runtime/kernels/operators.h"
#include "torchkeep/runtime/kernels/signal_rows.h"
#include "torchkeep/runtime/kernels/whole.h"

namespace torchkeep::runtime::kernels {
namespace {

enum Input : std::size_t { kSignal, kStep, kWindow, kLength };

struct Sizes {
  std::size_t batch, samples, parts;       ///< Of the signal.
  std::size_t frames, step, length, bins;  ///< Of the spectra.
};

/// Memory order: signal, window or nothing, spectra.
template <typename T>
plan::Action action_of(const Sizes& sizes, bool has_window) {
  const auto fourier = std::make_shared<const Fourier>(sizes.length, false);
  return [=](std::span<std::byte* const> memory, Pool& pool) -> Result<void> {
    pool.parallel_for(sizes.batch * sizes.frames, 1 + 256 / sizes.length,
                      [&](std::size_t begin, std::size_t end) {
                        FourierRows rows(sizes.length);
                        for (std::size_t frame = begin; frame < end; ++frame) {
                          const std::size_t start = frame / sizes.frames * sizes.samples +
                                                    frame % sizes.frames * sizes.step;
                          for (std::size_t i = 0; i < sizes.length; ++i)
                            rows.from()[i] =
                                read_number(source<T>(memory, 0), start + i, sizes.parts) *
                                (has_window ? static_cast<double>(source<T>(memory, 1)[i]) : 1.0);
                          fourier->transform(rows.from(), rows.to(), rows.scratch());
                          T* to = target<T>(memory, 2) + frame * sizes.bins * 2;
                          for (std::size_t k = 0; k < sizes.bins; ++k) {
                            to[2 * k] = static_cast<T>(rows.to()[k].real());
                            to[2 * k + 1] = static_cast<T>(rows.to()[k].imag());
                          }
                        }
                      });
    return {};
  };
}

class Stft final : public Kernel {
 public:
  explicit Stft(bool onesided) : onesided_(onesided) {}

  bool needs_known(std::size_t input) const override { return input == kStep || input == kLength; }

  Result<void> plan(plan::Builder& builder) override {
    const DataType dtype = builder.input(kSignal).dtype;
    Shape signal = builder.input(kSignal).shape;
    if (signal.size() == 2) signal.push_back(1);  // real ones may leave the last dimension out
    if (signal.size() != 3 || (signal[2] != 1 && signal[2] != 2))
      return malformed("an input of shape ", describe(signal), " is no signal of 1 or 2 parts");
    if (onesided_ && signal[2] != 1) return malformed("onesided is 1 for a complex signal");
    const std::int64_t step = TRY(known_int(builder, kStep));
    const bool has_window = builder.has_input(kWindow);
    std::int64_t length = 0;
    if (has_window) {
      TRY(expect_type(builder, kWindow, dtype));
      TRY(expect_rank(builder, kWindow, 1));
      length = builder.input(kWindow).shape[0];
    }
    if (builder.has_input(kLength)) {
      const std::int64_t said = TRY(known_int(builder, kLength));
      if (has_window && said != length)
        return malformed("frame_length is ", said, ", the window has ", length, " numbers");
      length = said;
    }
    if (step < 1 || length < 1 || length > signal[1])
      return malformed("frames of ", length, " every ", step, " do not fit a signal of ",
                       signal[1]);
    const std::int64_t frames = (signal[1] - length) / step + 1;
    const Shape output{signal[0], frames, onesided_ ? length / 2 + 1 : length, 2};
    TRY(check_shape(output));
    const Sizes sizes{
        extent(signal, 0, 1), extent(signal, 1, 2),           extent(signal, 2, 3),
        extent(output, 1, 2), static_cast<std::size_t>(step), static_cast<std::size_t>(length),
        extent(output, 2, 3)};
    if (sizes.length > kLongest)
      return malformed("frames of ", length, ", at most ", kLongest, " are supported");
    plan::Action action = TRY(action_for(
        FloatTypes(), dtype, [&]<typename T>() { return action_of<T>(sizes, has_window); }));
    const plan::BufferId from = TRY(builder.read(kSignal)),
                         window =
                             has_window ? TRY(builder.read(kWindow)) : builder.keep({}, nullptr),
                         to = TRY(builder.write(0, dtype, output));
    builder.step({from, window, to}, std::move(action));
    return {};
  }

 private:
  static constexpr std::size_t kLongest = std::size_t{1} << 20;

  bool onesided_;
};

}  // namespace

Result<KernelPointer> make_stft(NodeReader& node) {
  return std::make_unique<Stft>(TRY(node.int_or("onesided", 1)) != 0);
}

}  // namespace torchkeep::runtime::kernels
