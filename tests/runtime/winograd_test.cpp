// Convolutions of 3 by 3 by Winograd's filtering against sums in double precision, alone and as
// what convolutions of a graph are planned with.
#include "torchkeep/runtime/kernels/winograd.h"

#include <limits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/runtime/pictures.h"
#include "tests/runtime/reference.h"

namespace torchkeep::runtime::testing {
namespace {

using kernels::Winograd;
using kernels::WinogradThread;
using Kind = graph::Activation::Kind;

struct Case {
  const char* name;
  Picture picture;
  std::size_t block_patches;
};

void PrintTo(const Case& c, std::ostream* out) { *out << c.name; }

/// The loop on memory of its own, channels last or in blocks of sixteen.
class Loop {
 public:
  Loop(const Case& c, bool last) : picture_(c.picture), last_(last) {
    const Shape out = output_of(picture_);
    const auto size = [](std::int64_t number) { return static_cast<std::size_t>(number); };
    winograd.inputs = size(picture_.input[1]);
    winograd.outputs = size(out[1]);
    winograd.images = size(out[0]);
    winograd.input_height = size(picture_.input[2]);
    winograd.input_width = size(picture_.input[3]);
    winograd.output_height = size(out[2]);
    winograd.output_width = size(out[3]);
    winograd.pad_top = picture_.pads[0];
    winograd.pad_left = picture_.pads[1];
    winograd.input_place_step = last ? winograd.inputs : 16;
    winograd.input_depth_step = last ? 16 : winograd.input_height * winograd.input_width * 16;
    winograd.output_place_step = last ? winograd.outputs : 16;
    winograd.output_depth_step = last ? 16 : winograd.output_height * winograd.output_width * 16;
    winograd.block_patches = c.block_patches;
    std::mt19937 random(7);
    x = random_floats(count(picture_.input), random);
    weights = random_floats(count(picture_.weights), random);
    for (float& weight : weights) weight *= 0.1F;
    bias = random_floats(winograd.outputs, random);
    before = random_floats(count(out), random);
  }

  /// Of row-major tensors; the work in pieces from the last to the first, or in order.
  std::vector<float> convolve(bool biased, bool backwards = false) const {
    std::vector<float> filters(kernels::winograd_filter_floats(winograd.outputs, winograd.inputs));
    kernels::transform_filters(weights.data(), winograd.outputs, winograd.inputs, filters.data());
    const std::vector<float> input = lay(x, picture_.input);
    std::vector<float> to = lay(before, output_of(picture_));
    std::vector<float> scratch(winograd.scratch_floats() + 1, kGuard);
    WinogradThread thread(winograd);
    thread.scratch = scratch.data();
    for (std::size_t i = 0; i < winograd.work(); ++i) {
      kernels::convolve_patches(winograd, input.data(), filters.data(),
                                biased ? bias.data() : nullptr, to.data(),
                                backwards ? winograd.work() - 1 - i : i, thread);
    }
    EXPECT_EQ(scratch.back(), kGuard) << "it wrote behind its memory";
    return lift(to, output_of(picture_));
  }

  /// What it adds up to by the definition,
  std::vector<float> sums(bool biased) const {
    return testing::convolve(picture_, x, weights,
                             biased ? bias : std::vector<float>(winograd.outputs, 0));
  }
  /// and what is done to that at last.
  std::vector<float> finished(std::vector<float> sums) const {
    for (std::size_t i = 0; i < sums.size(); ++i)
      sums[i] = winograd.activation.apply(sums[i] + (winograd.add ? before[i] : 0));
    return sums;
  }

  Winograd winograd;
  std::vector<float> x, weights, bias, before;

 private:
  static constexpr float kGuard = 12345;

  static std::size_t count(const Shape& shape) {
    std::size_t all = 1;
    for (const std::int64_t size : shape) all *= static_cast<std::size_t>(size);
    return all;
  }

  /// Where element `i` of a row-major tensor lies.
  std::size_t place(std::size_t i, const Shape& shape) const {
    const auto channels = static_cast<std::size_t>(shape[1]),
               places = static_cast<std::size_t>(shape[2] * shape[3]);
    const std::size_t image = i / (channels * places), c = i / places % channels, at = i % places;
    const std::size_t within = last_ ? at * channels + c : (c / 16 * places + at) * 16 + c % 16;
    return image * channels * places + within;
  }
  std::vector<float> lay(const std::vector<float>& values, const Shape& shape) const {
    std::vector<float> to(values.size());
    for (std::size_t i = 0; i < values.size(); ++i) to[place(i, shape)] = values[i];
    return to;
  }
  std::vector<float> lift(const std::vector<float>& values, const Shape& shape) const {
    std::vector<float> to(values.size());
    for (std::size_t i = 0; i < values.size(); ++i) to[i] = values[place(i, shape)];
    return to;
  }

  Picture picture_;
  bool last_;
};

class WinogradLoop : public ::testing::TestWithParam<Case> {
 protected:
  void SetUp() override {
    if (!kernels::has_tiles()) GTEST_SKIP() << "this processor has no vectors of 512 bits";
  }
};

TEST_P(WinogradLoop, AgreesWithTheDefinition) {
  for (const bool last : {false, true}) {
    Loop loop(GetParam(), last);
    for (const bool biased : {false, true}) {
      const std::vector<float> sums = loop.sums(biased);
      for (const bool add : {false, true}) {
        for (const Kind kind : {Kind::None, Kind::Relu, Kind::Clip, Kind::Gelu, Kind::HardSwish}) {
          loop.winograd.add = add;
          loop.winograd.activation = {kind, -0.5F, 1.5F};
          EXPECT_LT(largest_difference(loop.convolve(biased), loop.finished(sums)), 3e-5)
              << "last " << last << ", biased " << biased << ", add " << add << ", activation "
              << static_cast<int>(kind);
        }
      }
    }
  }
}

TEST_P(WinogradLoop, IsTheSameInWhateverOrderThePiecesCome) {
  Loop loop(GetParam(), false);
  loop.winograd.add = true;
  EXPECT_EQ(loop.convolve(true, true), loop.convolve(true));
}

INSTANTIATE_TEST_SUITE_P(
    Pictures, WinogradLoop,
    ::testing::Values(Case{"OnePatch", picture({1, 16, 2, 2}, 64), 6},
                      Case{"OnePlace", picture({1, 16, 1, 1}, 16), 6},
                      Case{"OddSides", picture({1, 32, 7, 5}, 64), 6},
                      Case{"ImagesInOneBlock", picture({3, 16, 5, 6}, 64), 27},
                      Case{"BlocksAcrossImages", picture({3, 16, 5, 6}, 64), 7},
                      Case{"TwoPanelsTheLastNarrow", picture({1, 48, 6, 9}, 96), 8},
                      Case{"WithoutPads", picture({2, 16, 8, 7}, 64, {0, 0, 0, 0}), 6},
                      Case{"PadsOnOneSide", picture({1, 16, 6, 6}, 64, {2, 0, 0, 1}), 9},
                      Case{"NothingButPadsAtTheEdges", picture({1, 16, 3, 2}, 64, {5, 4, 3, 6}), 6},
                      Case{"DeepInputs", picture({1, 800, 4, 4}, 64), 6}),
    ::testing::PrintToStringParamName());

TEST(Winograd, WhatIsNoNumberReachesTheWindowsThatLookAtItAndNoOther) {
  if (!kernels::has_tiles()) GTEST_SKIP() << "this processor has no vectors of 512 bits";
  for (const float wrong :
       {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    for (std::size_t at = 0; at < 36; ++at) {
      Loop loop({"", picture({1, 16, 6, 6}, 64), 6}, false);
      loop.x[at] = wrong;
      const std::vector<float> to = loop.convolve(true);
      for (std::size_t i = 0; i < to.size(); ++i) {
        const std::size_t place = i % 36;
        const bool looks = place / 6 + 1 >= at / 6 && place / 6 <= at / 6 + 1 &&
                           place % 6 + 1 >= at % 6 && place % 6 <= at % 6 + 1;
        ASSERT_EQ(std::isfinite(to[i]), !looks) << wrong << " at " << at << ", output " << place;
      }
    }
  }
}

TEST(Winograd, LimitsKeepWhatIsNoNumber) {
  if (!kernels::has_tiles()) GTEST_SKIP() << "this processor has no vectors of 512 bits";
  Loop loop({"", picture({1, 16, 4, 4}, 64), 6}, true);
  loop.winograd.activation = {Kind::Relu};
  loop.x[0] = std::numeric_limits<float>::quiet_NaN();
  const std::vector<float> to = loop.convolve(true);
  EXPECT_TRUE(std::isnan(to[0]));
  EXPECT_FALSE(std::isnan(to[2]));
}

}  // namespace
}  // namespace torchkeep::runtime::testing
