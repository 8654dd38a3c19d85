// Our own exponential functions against the library's, over all that they are asked for.
#include "torchkeep/runtime/kernels/exponential.h"

#include <cmath>
#include <limits>

#include <gtest/gtest.h>

#include "torchkeep/runtime/kernels/curves.h"

namespace torchkeep::runtime::kernels {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

template <typename Fast, typename Exact>
double largest_error(float low, float high, const Fast& fast, const Exact& exact) {
  double largest = 0;
  constexpr int kSteps = 200'000;
  for (int i = 0; i <= kSteps; ++i) {
    const float x = low + (high - low) * static_cast<float>(i) / kSteps;
    const double wanted = exact(double{x});
    const double error = wanted == 0 ? std::abs(double{fast(x)}) : std::abs(fast(x) / wanted - 1);
    largest = std::max(largest, error);
  }
  return largest;
}

TEST(FastExp, IsWithinItsError) {
  EXPECT_LT(largest_error(-87.2F, 88.2F, fast_exp, [](double x) { return std::exp(x); }), 2e-7);
}

TEST(FastExp, HasItsEnds) {
  EXPECT_EQ(fast_exp(-kInfinity), 0);
  EXPECT_EQ(fast_exp(-88), 0);
  EXPECT_EQ(fast_exp(0), 1);
  EXPECT_EQ(fast_exp(kInfinity), fast_exp(88.3F));
  EXPECT_TRUE(std::isnan(fast_exp(kNan)));
}

TEST(FastSigmoid, IsWithinItsError) {
  EXPECT_LT(largest_error(-86, 40, fast_sigmoid, [](double x) { return 1 / (1 + std::exp(-x)); }),
            4e-7);
  EXPECT_EQ(fast_sigmoid(kInfinity), 1);
  EXPECT_NEAR(fast_sigmoid(-kInfinity), 0, 1e-37);
  EXPECT_TRUE(std::isnan(fast_sigmoid(kNan)));
}

TEST(FastTanh, IsWithinItsErrorAlsoNearZero) {
  const auto tanh = [](double x) { return std::tanh(x); };
  EXPECT_LT(largest_error(-12, 12, fast_tanh, tanh), 5e-7);
  EXPECT_LT(largest_error(-1e-3F, 1e-3F, fast_tanh, tanh), 5e-7);
  EXPECT_NEAR(fast_tanh(kInfinity), 1, 5e-7);
  EXPECT_NEAR(fast_tanh(-kInfinity), -1, 5e-7);
  for (float x = 0; x < 12; x += 0.001F) EXPECT_LE(std::abs(fast_tanh(x)), 1) << x;
  EXPECT_TRUE(std::isnan(fast_tanh(kNan)));
}

// What is compiled for this processor against one number at a time.
TEST(Curves, AreThoseOfTheOptimiser) {
  using Kind = graph::Activation::Kind;
  for (const Kind kind : {Kind::None, Kind::Relu, Kind::Clip, Kind::Gelu, Kind::GeluByTanh,
                          Kind::Swish, Kind::HardSwish}) {
    const graph::Activation activation{kind, -0.5F, 2};
    std::vector<float> values, wanted;
    for (int i = -40; i < 43; ++i) values.push_back(static_cast<float>(i) * 0.21F);
    for (const float value : values) wanted.push_back(activation.apply(value));
    bend(activation, values);
    for (std::size_t i = 0; i < values.size(); ++i) EXPECT_NEAR(values[i], wanted[i], 2e-6);
  }
}

}  // namespace
}  // namespace torchkeep::runtime::kernels
