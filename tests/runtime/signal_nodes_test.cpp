// Transforms of signals against their definition, for lengths of all kinds of factors.
#include <complex>
#include <numbers>

#include "tests/runtime/node_case.h"

namespace torchkeep::runtime::testing {
namespace {

const DataType kInt = DataType::Int64;

using Numbers = std::vector<std::complex<double>>;

Numbers transformed(const Numbers& signal) {
  Numbers spectrum(signal.size());
  const auto count = static_cast<double>(signal.size());
  for (std::size_t k = 0; k < signal.size(); ++k) {
    for (std::size_t i = 0; i < signal.size(); ++i)
      spectrum[k] +=
          signal[i] * std::polar(1.0, -2 * std::numbers::pi * static_cast<double>(k * i) / count);
  }
  return spectrum;
}

class Transforms : public ::testing::TestWithParam<std::int64_t> {};

TEST_P(Transforms, AgreeWithTheDefinitionAndComeBack) {
  const std::int64_t length = GetParam();
  std::mt19937 random(static_cast<unsigned>(length));
  const Tensor x = random_tensor({1, length, 2}, random);
  GraphBuilder graph;
  graph.input("x", x.shape).output("y", x.shape).output("z", x.shape);
  graph.add(node("DFT", {"x"}, {"y"}))
      .add(node("DFT", {"y"}, {"z"}, {int_attribute("inverse", 1)}));
  const auto model = load(graph);
  ASSERT_TRUE(model.ok()) << model.error();
  const auto outputs = (*model)->run({&x, 1});
  ASSERT_TRUE(outputs.ok()) << outputs.error();
  Numbers signal;
  for (std::size_t i = 0; i < x.elements<float>().size(); i += 2)
    signal.emplace_back(x.elements<float>()[i], x.elements<float>()[i + 1]);
  const Numbers wanted = transformed(signal);
  for (std::size_t k = 0; k < wanted.size(); ++k) {
    EXPECT_NEAR(double{(*outputs)[0].elements<float>()[2 * k]}, wanted[k].real(), 1e-4) << k;
    EXPECT_NEAR(double{(*outputs)[0].elements<float>()[2 * k + 1]}, wanted[k].imag(), 1e-4) << k;
    EXPECT_NEAR(double{(*outputs)[1].elements<float>()[2 * k]}, signal[k].real(), 1e-5) << k;
    EXPECT_NEAR(double{(*outputs)[1].elements<float>()[2 * k + 1]}, signal[k].imag(), 1e-5) << k;
  }
}

INSTANTIATE_TEST_SUITE_P(Signals, Transforms,
                         ::testing::Values(1, 2, 3, 4, 7, 12, 16, 30, 49, 97, 100, 128, 210));

TEST(Signals, AreFilledWithZerosOrCutToTheLengthThatIsSaid) {
  const auto graph = node_graph("DFT", {{{1, 3, 1}}, {{}, kInt}});
  for (const std::int64_t length : {2, 3, 5}) {
    const auto outputs = run_graph(graph, tensors(tensor<float>({1, 3, 1}, {1, 2, 4}),
                                                  tensor<std::int64_t>({}, {length}, kInt)));
    ASSERT_TRUE(outputs.ok()) << outputs.error();
    EXPECT_EQ((*outputs)[0].shape, (Shape{1, length, 2}));
    EXPECT_NEAR((*outputs)[0].elements<float>()[0], length == 2 ? 3 : 7, 1e-6);
  }
}

RunFault of(const char* name, const char* op, std::vector<NodeInput> inputs,
            std::vector<Message> attributes, const char* words, std::int64_t opset = 17,
            std::function<std::vector<Tensor>()> run = {}) {
  return {name, [=] { return node_graph(op, inputs, attributes); }, std::move(run), words, opset};
}

Tensor zeros(const Shape& shape) {
  return Tensor(DataType::Float32, shape,
                SecretBuffer(byte_count(DataType::Float32, shape).value()));
}
Tensor number(std::int64_t value) { return tensor<std::int64_t>({}, {value}, kInt); }

RunFault frames(const char* name, std::int64_t step, std::int64_t length, const char* words) {
  return {name,
          [] {
            return node_graph("STFT", {{{1, 8, 1}}, {{}, kInt}, {{4}}, {{}, kInt}});
          },
          [=] {
            return tensors(zeros({1, 8, 1}), number(step), zeros({4}), number(length));
          },
          words};
}

/// MelWeightMatrix of `bins` and frequencies.
RunFault mel(const char* name, std::int64_t bins, std::int64_t length, float low, float high,
             const char* words) {
  return {name,
          [] {
            return node_graph("MelWeightMatrix", {{{}, kInt}, {{}, kInt}, {{}, kInt}, {{}}, {{}}});
          },
          [=] {
            return tensors(number(bins), number(length), number(8192), tensor<float>({}, {low}),
                           tensor<float>({}, {high}));
          },
          words};
}

class WrongSignals : public ::testing::TestWithParam<RunFault> {};

TEST_P(WrongSignals, AreRefusedByName) { expect_run_refused(GetParam()); }

const RunFault kFaults[] = {
    of("OfThreeParts", "DFT", {{{1, 4, 3}}}, {}, "is no signal of 1 or 2 parts"),
    of("OfOneDimension", "DFT", {{{2}}}, {}, "is no signal"),
    of("AlongTheParts", "DFT", {{{1, 4, 2}}}, {int_attribute("axis", 2)}, "is that of the parts"),
    of("AlongNothing", "DFT", {{{1, 4, 2}}}, {int_attribute("axis", 3)}, "axis 3 is not among 3"),
    of("OneSidedOfComplexOnes", "DFT", {{{1, 4, 2}}}, {int_attribute("onesided", 1)},
       "onesided is 1 for numbers of 2 parts"),
    of("OneSidedAndInverseBeforeItHadAMeaning", "DFT", {{{1, 4, 2}}},
       {int_attribute("onesided", 1), int_attribute("inverse", 1)}, "operator set 20"),
    of("AnAxisBeforeItWasAnInput", "DFT", {{{1, 4, 2}}, {{}, kInt}, {{}, kInt}}, {},
       "at most 2 are wanted"),
    of("OfIntegers", "DFT", {{{1, 4, 1}, kInt}}, {}, "INT64 is not supported"),
    of("OfNoLength", "DFT", {{{1, 4, 1}}, {{}, kInt}}, {}, "a transform of length 0", 17,
       [] {
         return tensors(zeros({1, 4, 1}), number(0));
       }),
    of("OfAnAbsurdLength", "DFT", {{{1, 4, 1}}, {{}, kInt}}, {}, "at most", 17,
       [] {
         return tensors(zeros({1, 4, 1}), number(std::int64_t{1} << 30));
       }),
    frames("WithoutSteps", 0, 4, "frames of 4 every 0"),
    frames("OfAnotherLengthThanTheWindow", 1, 5, "frame_length is 5, the window has 4"),
    of("FramesLongerThanTheSignal", "STFT", {{{1, 3, 1}}, {{}, kInt}, {{4}}}, {},
       "do not fit a signal of 3", 17,
       [] {
         return tensors(zeros({1, 3, 1}), number(1), zeros({4}));
       }),
    of("AWindowOfAnotherType", "STFT", {{{1, 8, 1}}, {{}, kInt}, {{4}, DataType::Float64}}, {},
       "input 2 is FP64, wanted is FP32", 17,
       [] {
         return tensors(zeros({1, 8, 1}), number(1),
                        Tensor(DataType::Float64, {4}, SecretBuffer(32)));
       }),
    mel("NoBins", 0, 16, 0, 4096, "0 bins"),
    mel("AboveHalfOfTheRate", 8, 16, 0, 8192, "is above half of the rate"),
    mel("AboveTheRate", 8, 16, 0, 9000, "frequencies from 0 to 9000"),
    mel("BelowNothing", 8, 16, -1, 4096, "frequencies from -1"),
    mel("AnAbsurdSpectrum", 1 << 20, std::int64_t{1} << 40, 0, 4096, "more than 2^40 elements"),
};

INSTANTIATE_TEST_SUITE_P(Node, WrongSignals, ::testing::ValuesIn(kFaults),
                         [](const auto& each) { return each.param.name; });

}  // namespace
}  // namespace torchkeep::runtime::testing
