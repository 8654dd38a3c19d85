// Whole models: what is quantised in which way; the answers stay near.
#include "torchkeep/quantise/quantise.h"

#include "torchkeep/quantise/draft.h"
#include "torchkeep/runtime/dnn/dnn.h"

#include "tests/quantise/quantise_case.h"

namespace torchkeep::quantise {
namespace {

using ::testing::Contains;
using ::testing::Pair;
using namespace testing;

TEST_F(Quantise, WeightsAloneOfEightBits) {
  const Report report = near(two_layers(), by(Way::Weights), 0.02);
  EXPECT_EQ(report.quantised, (std::map<std::string, std::size_t>{{"Gemm", 1}, {"MatMul", 1}}));
  EXPECT_THAT(operators(), Contains(Pair("DequantizeLinear", 2)));
  EXPECT_LT(report.bytes_after, report.bytes_before / 2);
  EXPECT_EQ(report.opset_after, 17) << "nothing newer is needed";
  const auto before = runtime::Model::load_onnx(model_).value(),
             after = runtime::Model::load_onnx(output_).value();
  EXPECT_LT(after->parameter_bytes(), before->parameter_bytes() / 2) << "they stay small in memory";
}

TEST_F(Quantise, WeightsAloneOfFourBits) {
  const Report report = near(two_layers(), by(Way::Weights, 4), 0.25);
  EXPECT_EQ(report.opset_after, 21);
  EXPECT_THAT(operators(), Contains(Pair("DequantizeLinear", 2)));
  const auto before = runtime::Model::load_onnx(model_).value(),
             after = runtime::Model::load_onnx(output_).value();
  EXPECT_LT(after->parameter_bytes(), before->parameter_bytes() / 3);
}

TEST_F(Quantise, FourBitsOfAModelWithExternalDataLieBesideItToo) {
  two_layers().store(folder_ / "inside.onnx");
  const Source source = Source::open(folder_ / "inside.onnx").value();
  ASSERT_TRUE(store(Draft(source), model_, 4096).ok());
  Order order = by(Way::Weights, 4);
  order.model = model_;
  order.output = output_;
  const auto report = quantise::quantise(order, random_samples());
  ASSERT_TRUE(report.ok()) << report.error();
  EXPECT_EQ(report->data, folder_ / "o.onnx.data");
  EXPECT_GE(std::filesystem::file_size(report->data), 64U * 48 / 2);
  EXPECT_LT(std::filesystem::file_size(output_), report->bytes_after - 64 * 48 / 2 + 1);
  for (const Difference& each : report->differences) EXPECT_LT(each.relative, 0.25);
  // Its numbers are read where they lie, and nowhere beyond.
  std::filesystem::resize_file(report->data, 64 * 48 / 2 - 1);
  const auto cut = runtime::Model::load_onnx(output_);
  ASSERT_FALSE(cut.ok());
  EXPECT_EQ(cut.error().code, ErrorCode::Malformed);
}

TEST_F(Quantise, ActivationsAsEachRunFindsThem) {
  const Report report = near(two_layers(), by(Way::Dynamic), 0.03);
  EXPECT_EQ(report.quantised.size(), 2U);
  const auto found = operators();
  EXPECT_THAT(found, Contains(Pair("MatMulInteger", 2)));
  EXPECT_THAT(found, Contains(Pair("DynamicQuantizeLinear", 2)));
  EXPECT_FALSE(found.contains("Gemm"));
}

TEST_F(Quantise, ProductsOfOneInputShareWhatItIsQuantisedTo) {
  ModelFile file;
  file.input("x", {-1, 64})
      .output("a", {-1, 48})
      .output("b", {-1, 48})
      .weights("w", {64, 48})
      .weights("v", {64, 48})
      .add(node("MatMul", {"x", "w"}, {"a"}))
      .add(node("MatMul", {"x", "v"}, {"b"}));
  near(file, by(Way::Dynamic), 0.03);
  EXPECT_THAT(operators(), Contains(Pair("DynamicQuantizeLinear", 1)));
  near(file, by(Way::Static), 0.03);
  EXPECT_THAT(operators(), Contains(Pair("QuantizeLinear", 1)));
}

TEST_F(Quantise, SharedWeightsAreQuantisedOnce) {
  ModelFile file;
  file.input("x", {-1, 48})
      .output("y", {-1, 48})
      .weights("w", {48, 48}, 0.1F)
      .add(node("Identity", {"w"}, {"again"}))
      .add(node("MatMul", {"x", "w"}, {"p"}))
      .add(node("MatMul", {"p", "again"}, {"y"}));
  for (const Way way : {Way::Weights, Way::Dynamic, Way::Static}) {
    const Report report = near(file, by(way), 0.05);
    EXPECT_EQ(report.quantised.at("MatMul"), 2U);
    EXPECT_LT(report.bytes_after, report.bytes_before / 2) << "w is there once, and not as floats";
    EXPECT_FALSE(operators().contains("Identity")) << "nobody reads it";
  }
}

TEST_F(Quantise, TheEngineTakesWhatIsWrittenForIntegers) {
  if (!runtime::dnn::Machine::multiplies_bytes()) GTEST_SKIP() << "floats are as fast here";
  ModelFile file;
  file.input("x", {-1, 64, 8, 8})
      .output("y", {-1, 10})
      .weights("k1", {64, 64, 3, 3}, 0.05F)
      .weights("k2", {64, 64, 3, 3}, 0.05F)
      .weights("w", {64, 10})
      .add(node("Conv", {"x", "k1"}, {"c1"}))
      .add(node("Relu", {"c1"}, {"r1"}))
      .add(node("Conv", {"r1", "k2"}, {"c2"}))
      .add(node("GlobalAveragePool", {"c2"}, {"g"}))
      .add(node("Flatten", {"g"}, {"f"}))
      .add(node("MatMul", {"f", "w"}, {"y"}));
  for (const bool portable : {false, true}) {
    Order order = by(Way::Static);
    order.portable = portable;
    near(file, order, 0.05);
    const auto before = runtime::Model::load_onnx(model_).value(),
               after = runtime::Model::load_onnx(output_).value();
    EXPECT_LT(after->parameter_bytes(), before->parameter_bytes() / 3)
        << "weights that were not recognised would be floats";
  }
}

/// Two residual blocks, a pool, a Concat and a head, as PyTorch writes them.
ModelFile convolutions() {
  const auto around = [] { return ints_attribute("pads", {1, 1, 1, 1}); };
  ModelFile file;
  return file.input("x", {-1, 3, 12, 12})
      .output("y", {-1, 10})
      .weights("w1", {16, 3, 3, 3})
      .weights("b1", {16})
      .weights("w2", {16, 16, 3, 3}, 0.1F)
      .weights("b2", {16})
      .weights("w3", {16, 16, 1, 1})
      .weights("w4", {10, 32})
      .weights("b4", {10})
      .add(node("Conv", {"x", "w1", "b1"}, {"c1"}, {around()}))
      .add(node("Relu", {"c1"}, {"r1"}))
      .add(node("MaxPool", {"r1"}, {"m1"},
                {ints_attribute("kernel_shape", {2, 2}), ints_attribute("strides", {2, 2})}))
      .add(node("Conv", {"m1", "w2", "b2"}, {"c2"}, {around()}))
      .add(node("Add", {"c2", "m1"}, {"s2"}))
      .add(node("Relu", {"s2"}, {"r2"}))
      .add(node("Conv", {"r2", "w3"}, {"c3"}))
      .add(node("Concat", {"c3", "r2"}, {"k"}, {int_attribute("axis", 1)}))
      .add(node("GlobalAveragePool", {"k"}, {"g"}))
      .add(node("Flatten", {"g"}, {"f"}))
      .add(node("Gemm", {"f", "w4", "b4"}, {"y"}, {int_attribute("transB", 1)}));
}

TEST_F(Quantise, ByRangesOfSamplesTensorsStaySmallFromLayerToLayer) {
  Order order = by(Way::Static);
  const Report report = near(convolutions(), order, 0.08);
  EXPECT_EQ(report.quantised, (std::map<std::string, std::size_t>{{"Conv", 3}, {"Gemm", 1}}));
  const auto found = operators();
  EXPECT_THAT(found, Contains(Pair("QuantizeLinear", 7)))
      << "x, r1, m1, r2, c3, k and f: neither the average nor what the sum reads of the "
         "convolution";
  order.portable = true;
  near(convolutions(), order, 0.08);
  EXPECT_THAT(operators(), Contains(Pair("QuantizeLinear", 8))) << "c2 too";
}

TEST_F(Quantise, APercentileCutsWhatIsRare) {
  ModelFile file;
  file.input("x", {1, 64})
      .output("y", {1, 48})
      .weights("w", {64, 48})
      .add(node("MatMul", {"x", "w"}, {"y"}));
  std::vector<float> values(64, 1);
  values[7] = 1000;
  Order order = by(Way::Static);
  const auto all = quantise(file, order, sample_of(values, {1, 64}));
  order.percentile = 90;
  const auto most = quantise(file, order, sample_of(values, {1, 64}));
  ASSERT_TRUE(all.ok() && most.ok());
  EXPECT_GT(most->differences[0].relative, all->differences[0].relative)
      << "the rare one is what counts here";
}

TEST_F(Quantise, ParametersInConstantNodesAreTakenToo) {
  const std::vector<float> values(64 * 48, 0.5F);
  const Message tensor = raw_tensor(DataType::Float32, {64, 48}, raw_bytes(values));
  ModelFile file;
  file.input("x", {-1, 64})
      .output("y", {-1, 48})
      .add(node("Constant", {}, {"w"},
                {Message().text(1, "value").message(5, tensor).number(20, 4)}))
      .add(node("MatMul", {"x", "w"}, {"y"}));
  const auto made = quantise(file);
  ASSERT_TRUE(made.ok()) << made.error();
  EXPECT_FALSE(operators().contains("Constant"));
  EXPECT_LT(made->bytes_after, made->bytes_before / 2);
}

}  // namespace
}  // namespace torchkeep::quantise
