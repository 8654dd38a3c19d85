// GridSample-16 to GridSample-22: https://onnx.ai/onnx/operators/onnx__GridSample.html
// Images of 1 to 3 dimensions; cubic of 1 and 2, as the standard has it.
#include <algorithm>
#include <array>
#include <cmath>

#include "torchkeep/runtime/kernels/axis.h"
#include "torchkeep/runtime/kernels/operators.h"
#include "torchkeep/runtime/kernels/whole.h"

namespace torchkeep::runtime::kernels {
namespace {

constexpr std::size_t kMostDimensions = 3, kMostTaps = 4;

enum class Mode { Nearest, Linear, Cubic };
enum class Padding { Zeros, Border, Reflection };

struct Sampling {
  Mode mode = Mode::Linear;
  Padding padding = Padding::Zeros;
  bool align_corners = false;
};

struct Sizes {
  std::size_t batch = 0, channels = 0, points = 0, rank = 0;
  std::array<std::size_t, kMostDimensions> image{1, 1, 1};  ///< The outermost dimension first.
};

/// Where along one dimension an element comes from, and how much it counts.
struct Taps {
  std::size_t count = 0;
  std::array<std::int64_t, kMostTaps> places{};  ///< -1: outside, a zero.
  std::array<double, kMostTaps> weights{};
};

/// x mirrored at both ends until it lies between them.
double reflected(double x, double least, double most) {
  const double range = most - least;
  if (range <= 0) return least;
  const double far = x < least ? least - x : x > most ? x - most : 0;
  if (far == 0) return x;
  const double turns = std::floor(far / range), rest = far - turns * range;
  const bool even = std::fmod(turns, 2) == 0;
  return (x < least) == even ? least + rest : most - rest;
}

class Sampler {
 public:
  Sampler(const Sampling& sampling, std::size_t size)
      : sampling_(sampling),
        size_(static_cast<std::int64_t>(size)),
        least_(sampling.align_corners ? 0 : -0.5),
        most_(static_cast<double>(size) - (sampling.align_corners ? 1 : 0.5)) {}

  /// `place` is -1 to 1 across the image.
  Taps taps(double place) const {
    const auto size = static_cast<double>(size_);
    double x =
        sampling_.align_corners ? (place + 1) / 2 * (size - 1) : ((place + 1) * size - 1) / 2;
    // Far outside, where integers end, everything is the same, and a NaN is nowhere.
    if (!(std::abs(x) < 1e15)) x = std::isnan(x) ? -1e15 : std::copysign(1e15, x);
    if (sampling_.mode == Mode::Nearest) x = std::nearbyint(x);
    if (x < least_ || x > most_) {
      if (sampling_.padding == Padding::Border) x = std::clamp(x, 0.0, size - 1);
      if (sampling_.padding == Padding::Reflection) x = reflected(x, least_, most_);
    }
    Taps taps;
    const double whole = std::floor(x), rest = x - whole;
    const auto first = static_cast<std::int64_t>(whole);
    switch (sampling_.mode) {
      case Mode::Nearest: add(taps, static_cast<std::int64_t>(x), 1); break;
      case Mode::Linear:
        add(taps, first, 1 - rest);
        add(taps, first + 1, rest);
        break;
      case Mode::Cubic:
        for (std::int64_t i = -1; i < 3; ++i)
          add(taps, first + i, cubic(rest - static_cast<double>(i)));
        break;
    }
    return taps;
  }

 private:
  void add(Taps& taps, std::int64_t place, double weight) const {
    if (place < 0 || place >= size_) {
      const auto x = static_cast<double>(place);
      switch (sampling_.padding) {
        case Padding::Zeros: place = -1; break;
        case Padding::Border: place = std::clamp<std::int64_t>(place, 0, size_ - 1); break;
        case Padding::Reflection:
          place = std::clamp<std::int64_t>(static_cast<std::int64_t>(reflected(x, least_, most_)),
                                           0, size_ - 1);
          break;
      }
    }
    taps.places[taps.count] = place;
    taps.weights[taps.count++] = weight;
  }

  /// Keys' kernel with a = -0.75. Source: ONNX operator GridSample, mode "cubic".
  static double cubic(double x) {
    constexpr double a = -0.75;
    x = std::abs(x);
    if (x <= 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
    return ((a * x - 5 * a) * x + 8 * a) * x - 4 * a;
  }

  Sampling sampling_;
  std::int64_t size_;
  double least_, most_;
};

template <typename T>
double sample(const Sizes& sizes, const std::array<Taps, kMostDimensions>& taps, const T* plane) {
  double sum = 0;
  for (std::size_t a = 0; a < taps[0].count; ++a) {
    for (std::size_t b = 0; b < taps[1].count; ++b) {
      for (std::size_t c = 0; c < taps[2].count; ++c) {
        if (taps[0].places[a] < 0 || taps[1].places[b] < 0 || taps[2].places[c] < 0) continue;
        const auto x = static_cast<std::size_t>(taps[0].places[a]),
                   y = static_cast<std::size_t>(taps[1].places[b]),
                   z = static_cast<std::size_t>(taps[2].places[c]);
        sum += taps[0].weights[a] * taps[1].weights[b] * taps[2].weights[c] *
               static_cast<double>(plane[(x * sizes.image[1] + y) * sizes.image[2] + z]);
      }
    }
  }
  return sum;
}

template <typename T>
plan::Action action_of(const Sizes& sizes, const Sampling& sampling) {
  return [sizes, sampling](std::span<std::byte* const> memory, Pool& pool) -> Result<void> {
    const T* image = source<T>(memory, 0);
    const T* grid = source<T>(memory, 1);
    T* to = target<T>(memory, 2);
    const std::size_t plane = sizes.image[0] * sizes.image[1] * sizes.image[2];
    std::vector<Sampler> samplers;
    for (const std::size_t size : sizes.image) samplers.emplace_back(sampling, size);
    pool.parallel_for(sizes.batch * sizes.points, 64, [&](std::size_t begin, std::size_t end) {
      for (std::size_t i = begin; i < end; ++i) {
        const std::size_t n = i / sizes.points, point = i % sizes.points;
        std::array<Taps, kMostDimensions> taps;
        for (Taps& each : taps) each = {1, {0}, {1}};
        // A grid names the innermost dimension first.
        for (std::size_t d = 0; d < sizes.rank; ++d) {
          const std::size_t place = kMostDimensions - 1 - d;
          taps[place] = samplers[place].taps(static_cast<double>(grid[i * sizes.rank + d]));
        }
        for (std::size_t c = 0; c < sizes.channels; ++c) {
          const std::size_t row = n * sizes.channels + c;
          to[row * sizes.points + point] = static_cast<T>(sample(sizes, taps, image + row * plane));
        }
      }
    });
    return {};
  };
}

class GridSample final : public Kernel {
 public:
  explicit GridSample(Sampling sampling) : sampling_(sampling) {}

  Result<void> plan(plan::Builder& builder) override {
    const Shape image = builder.input(0).shape, grid = builder.input(1).shape;
    const DataType dtype = builder.input(0).dtype;
    TRY(expect_type(builder, 1, dtype));
    Sizes sizes;
    sizes.rank = image.size() < 2 ? 0 : image.size() - 2;
    const std::size_t most = sampling_.mode == Mode::Cubic ? 2 : kMostDimensions;
    if (sizes.rank < 1 || sizes.rank > most || grid.size() != image.size() ||
        grid.back() != dimension(sizes.rank) || grid[0] != image[0])
      return malformed("an image of shape ", describe(image), " and a grid of shape ",
                       describe(grid), " do not fit");
    Shape output{image[0], image[1]};
    for (std::size_t d = 0; d < sizes.rank; ++d) {
      if (image[2 + d] == 0) return malformed("the image has no elements");
      sizes.image[kMostDimensions - sizes.rank + d] = static_cast<std::size_t>(image[2 + d]);
      output.push_back(grid[1 + d]);
    }
    sizes.batch = extent(image, 0, 1);
    sizes.channels = extent(image, 1, 2);
    sizes.points = extent(output, 2, output.size());
    plan::Action action = TRY(action_for(
        FloatTypes(), dtype, [&]<typename T>() { return action_of<T>(sizes, sampling_); }));
    std::vector<Made> made;
    made.push_back({dtype, std::move(output)});
    return plan_whole(builder, 2, std::move(made), std::move(action));
  }

 private:
  Sampling sampling_;
};

}  // namespace

Result<KernelPointer> make_grid_sample(NodeReader& node) {
  Sampling sampling;
  const std::string_view mode = TRY(node.text_or("mode", "linear"));
  // Version 16 called them bilinear and bicubic.
  if (mode == "nearest")
    sampling.mode = Mode::Nearest;
  else if (mode == "cubic" || mode == "bicubic")
    sampling.mode = Mode::Cubic;
  else if (mode != "linear" && mode != "bilinear")
    return malformed("mode is \"", mode, "\", wanted is nearest, linear or cubic");
  const std::string_view padding = TRY(node.text_or("padding_mode", "zeros"));
  if (padding == "border")
    sampling.padding = Padding::Border;
  else if (padding == "reflection")
    sampling.padding = Padding::Reflection;
  else if (padding != "zeros")
    return malformed("padding_mode is \"", padding, "\", wanted is zeros, border or reflection");
  sampling.align_corners = TRY(node.int_or("align_corners", 0)) != 0;
  return std::make_unique<GridSample>(sampling);
}

}  // namespace torchkeep::runtime::kernels
