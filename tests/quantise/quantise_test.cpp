// Whole models: what is quantised, what is left and why, what is refused; the answers stay near.
#include "torchkeep/quantise/quantise.h"

#include <filesystem>
#include <limits>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "torchkeep/quantise/draft.h"
#include "torchkeep/runtime/dnn/dnn.h"

#include "tests/quantise/model_file.h"

namespace torchkeep::quantise {
namespace {

using ::testing::Contains;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;
using namespace testing;

class Quantise : public ::testing::Test {
 protected:
  Result<Report> quantise(const ModelFile& file, Order order = {}, const SampleMaker& samples = {},
                          std::int64_t opset = 17) {
    file.store(model_, opset);
    order.model = model_;
    order.output = output_;
    order.replace = true;
    return quantise::quantise(order, samples ? samples : random_samples());
  }
  /// Quantises without an error, and answers that are as near as `most` of the largest number.
  Report near(const ModelFile& file, const Order& order, double most) {
    const auto made = quantise(file, order);
    EXPECT_TRUE(made.ok()) << made.error();
    if (!made.ok()) return {};
    for (const Difference& each : made->differences) {
      EXPECT_LE(each.relative, most) << each.output;
      EXPECT_GT(each.absolute, 0) << "nothing was rounded";
    }
    return *made;
  }
  std::map<std::string, std::size_t> operators() const { return operators_of(output_); }
  bool is_there() const { return std::filesystem::exists(output_); }
  std::set<std::string> files() const {
    std::set<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(folder_.path()))
      names.insert(entry.path().filename());
    return names;
  }

  TemporaryFolder folder_;
  Path model_ = folder_ / "m.onnx", output_ = folder_ / "o.onnx";
};

Order by(Way way, int bits = 8) {
  Order order;
  order.way = way;
  order.bits = bits;
  return order;
}

/// A MatMul with bias, a curve, and a Gemm as PyTorch writes it.
ModelFile two_layers() {
  ModelFile file;
  return file.input("x", {-1, 64})
      .output("y", {-1, 24})
      .weights("w", {64, 48})
      .weights("b", {48})
      .weights("v", {24, 48})
      .weights("c", {24})
      .add(node("MatMul", {"x", "w"}, {"p"}))
      .add(node("Add", {"p", "b"}, {"s"}))
      .add(node("Relu", {"s"}, {"r"}))
      .add(node("Gemm", {"r", "v", "c"}, {"y"}, {int_attribute("transB", 1)}));
}

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

// What is left, and why.

struct LeftCase {
  const char* name;
  std::function<void(ModelFile&)> add;  ///< Beside a MatMul that is quantised.
  const char* reason;
  Way way = Way::Weights;
};
class LeftNodes : public Quantise, public ::testing::WithParamInterface<LeftCase> {};
TEST_P(LeftNodes, SayWhy) {
  ModelFile file = two_layers();
  GetParam().add(file);
  const auto made = quantise(file, by(GetParam().way));
  ASSERT_TRUE(made.ok()) << made.error();
  EXPECT_THAT(made->left, Contains(Field(&Left::reason, HasSubstr(GetParam().reason))));
  EXPECT_EQ(made->quantised.at("MatMul"), 1U);
}

void add_body(ModelFile& file) {
  const Message body = Message()
                           .message(1, node("MatMul", {"x", "inner"}, {"made"}))
                           .message(12, port("made", {-1, 48}));
  const auto branch = [&](std::string_view name) {
    return Message().text(1, name).message(6, body).number(20, 5);
  };
  file.weights("inner", {64, 48})
      .output("z", {-1, 48})
      .add(node("If", {"yes"}, {"z"}, {branch("then_branch"), branch("else_branch")}))
      .known<std::uint8_t>("yes", {}, {1}, DataType::Bool);
}

INSTANTIATE_TEST_SUITE_P(
    Quantise, LeftNodes,
    ::testing::Values(LeftCase{"BothSidesComputed",
                               [](ModelFile& file) {
                                 file.output("z", {-1, -1})
                                     .add(node("Transpose", {"x"}, {"t"}))
                                     .add(node("MatMul", {"x", "t"}, {"z"}));
                               },
                               "its weights are computed"},
                      LeftCase{"FewWeights",
                               [](ModelFile& file) {
                                 file.output("z", {-1, 2})
                                     .weights("few", {64, 2})
                                     .add(node("MatMul", {"x", "few"}, {"z"}));
                               },
                               "fewer than 1024"},
                      LeftCase{"ReadByALookupToo",
                               [](ModelFile& file) {
                                 file.output("z", {-1, 48})
                                     .output("q", {48})
                                     .weights("tied", {64, 48})
                                     .known<std::int64_t>("i", {}, {3}, DataType::Int64)
                                     .add(node("Gather", {"tied", "i"}, {"q"}))
                                     .add(node("MatMul", {"x", "tied"}, {"z"}));
                               },
                               "read by operator Gather (node /Gather), too"},
                      LeftCase{"ReadInTwoWays",
                               [](ModelFile& file) {
                                 file.output("z", {-1, 64})
                                     .output("q", {-1, 64})
                                     .weights("square", {64, 64})
                                     .add(node("Gemm", {"x", "square"}, {"z"},
                                               {int_attribute("transB", 1)}, "/one"))
                                     .add(node("Gemm", {"x", "square"}, {"q"}, {}, "/other"));
                               },
                               "its weights are read by operator Gemm"},
                      LeftCase{"AnOutputToo",
                               [](ModelFile& file) {
                                 file.output("shown", {64, 48})
                                     .output("z", {-1, 48})
                                     .weights("shown", {64, 48})
                                     .add(node("MatMul", {"x", "shown"}, {"z"}));
                               },
                               "are an output"},
                      LeftCase{"GemmThatScales",
                               [](ModelFile& file) {
                                 file.output("z", {-1, 48})
                                     .weights("g", {64, 48})
                                     .add(node("Gemm", {"x", "g"}, {"z"},
                                               {float_attribute("alpha", 2)}));
                               },
                               "scales (alpha, beta)"},
                      LeftCase{"HalfFloats",
                               [](ModelFile& file) {
                                 file.output("z", {-1, 48}, DataType::Float16)
                                     .known<std::uint16_t>(
                                         "half", {64, 48},
                                         std::vector<std::uint16_t>(64 * 48, 0x3800),
                                         DataType::Float16)
                                     .add(node("Cast", {"x"}, {"h"}, {int_attribute("to", 10)}))
                                     .add(node("MatMul", {"h", "half"}, {"z"}));
                               },
                               "its weights are FP16"},
                      LeftCase{"WithinABody", add_body, "within the body of an If"},
                      LeftCase{"NormalisedAfterwards",
                               [](ModelFile& file) {
                                 const std::vector<float> ones(16, 1);
                                 file.input("image", {1, 8, 6, 6})
                                     .output("z", {1, 16, 4, 4})
                                     .weights("k", {16, 8, 3, 3})
                                     .known("one", {16}, ones)
                                     .add(node("Conv", {"image", "k"}, {"conv"}))
                                     .add(node("BatchNormalization",
                                               {"conv", "one", "one", "one", "one"}, {"z"}));
                               },
                               "export the model in eval mode", Way::Static},
                      LeftCase{"AnInputOfZeros",
                               [](ModelFile& file) {
                                 file.output("z", {-1, 48})
                                     .weights("d", {64, 48})
                                     .known<float>("nil", {}, {0})
                                     .add(node("Mul", {"x", "nil"}, {"dead"}))
                                     .add(node("MatMul", {"dead", "d"}, {"z"}));
                               },
                               "its input was 0 in all samples", Way::Static}),
    [](const auto& each) { return each.param.name; });

// What is refused.

struct Refusal {
  const char* name;
  std::function<void(ModelFile&, Order&)> spoil;
  ErrorCode code;
  const char* words;
  std::int64_t opset = 17;
};
class Refused : public Quantise, public ::testing::WithParamInterface<Refusal> {};
TEST_P(Refused, LeavesNothing) {
  ModelFile file = two_layers();
  Order order;
  GetParam().spoil(file, order);
  const auto made = quantise(file, order, {}, GetParam().opset);
  ASSERT_FALSE(made.ok());
  EXPECT_EQ(made.error().code, GetParam().code) << made.error();
  EXPECT_THAT(made.error().message, HasSubstr(GetParam().words));
  EXPECT_FALSE(is_there());
}

std::vector<float> with(float odd) {
  std::vector<float> values(64 * 48, 1);
  values[77] = odd;
  return values;
}
void add_layer(ModelFile& file, const std::vector<float>& values) {
  file.output("z", {-1, 48})
      .known("odd", {64, 48}, values)
      .add(node("MatMul", {"x", "odd"}, {"z"}, {}, "/odd"));
}

INSTANTIATE_TEST_SUITE_P(
    Quantise, Refused,
    ::testing::Values(
        Refusal{"NaNAmongWeights",
                [](ModelFile& file, Order&) {
                  add_layer(file, with(std::numeric_limits<float>::quiet_NaN()));
                },
                ErrorCode::Malformed, "(node /odd): its weights: element 77 is NaN"},
        Refusal{"InfinityAmongWeightsOfFourBits",
                [](ModelFile& file, Order& order) {
                  order.bits = 4;
                  add_layer(file, with(std::numeric_limits<float>::infinity()));
                },
                ErrorCode::Malformed, "element 77 is infinite"},
        Refusal{"InfinityAmongWeightsOfIntegers",
                [](ModelFile& file, Order& order) {
                  order.way = Way::Dynamic;
                  add_layer(file, with(-std::numeric_limits<float>::infinity()));
                },
                ErrorCode::Malformed, "element 77 is infinite"},
        Refusal{"NaNInARange",
                [](ModelFile& file, Order& order) {
                  order.way = Way::Static;
                  file.output("z", {-1, 48})
                      .weights("u", {64, 48})
                      .add(node("Sqrt", {"x"}, {"root"}))
                      .add(node("MatMul", {"root", "u"}, {"z"}));
                },
                ErrorCode::Malformed, "value \"root\" in sample 1: is NaN"},
        Refusal{"QuantisedAlready",
                [](ModelFile& file, Order&) {
                  file.output("z", {-1, 64}, DataType::UInt8)
                      .known<float>("s", {}, {1})
                      .add(node("QuantizeLinear", {"x", "s"}, {"z"}));
                },
                ErrorCode::InvalidArgument, "it has an operator QuantizeLinear"},
        Refusal{"AnOperatorThatTheEngineHasNot",
                [](ModelFile& file, Order&) {
                  file.output("z", {-1}).add(node("Marvel", {"x"}, {"z"}));
                },
                ErrorCode::Malformed, "Marvel"},
        Refusal{"AnOldOperatorSet", [](ModelFile&, Order& order) { order.way = Way::Static; },
                ErrorCode::InvalidArgument, "operator set 9", 9},
        Refusal{"BitsThatThereAreNot", [](ModelFile&, Order& order) { order.bits = 5; },
                ErrorCode::InvalidArgument, "weights of 5 bits"},
        Refusal{"FourBitsOfActivations",
                [](ModelFile&, Order& order) {
                  order.bits = 4;
                  order.way = Way::Dynamic;
                },
                ErrorCode::InvalidArgument, "weights of 4 bits"},
        Refusal{"AnOddBlock", [](ModelFile&, Order& order) { order.block = 24; },
                ErrorCode::InvalidArgument, "blocks of 24"},
        Refusal{"NoBlock", [](ModelFile&, Order& order) { order.block = 0; },
                ErrorCode::InvalidArgument, "blocks of 0"},
        Refusal{"ALowPercentile", [](ModelFile&, Order& order) { order.percentile = 50; },
                ErrorCode::InvalidArgument, "percentile 50"},
        Refusal{"ANaNPercentile",
                [](ModelFile&, Order& order) {
                  order.percentile = std::numeric_limits<double>::quiet_NaN();
                },
                ErrorCode::InvalidArgument, "percentile"}),
    [](const auto& each) { return each.param.name; });

TEST_F(Quantise, RefusesAModelWithoutALayer) {
  ModelFile file;
  file.input("x", {2}).output("y", {2}).add(node("Relu", {"x"}, {"y"}));
  EXPECT_THAT(quantise(file).error().message, HasSubstr("no Conv, Gemm or MatMul"));
  ModelFile small;
  small.input("x", {1, 4})
      .output("y", {1, 4})
      .weights("w", {4, 4})
      .add(node("MatMul", {"x", "w"}, {"y"}));
  EXPECT_THAT(quantise(small).error().message, HasSubstr("fewer than 1024"));
  EXPECT_FALSE(is_there());
}

TEST_F(Quantise, RefusesAnOutputThatIsThere) {
  two_layers().store(model_);
  ASSERT_TRUE(store_file(output_, as_bytes("precious")).ok());
  Order order{.model = model_, .output = output_};
  EXPECT_THAT(quantise::quantise(order, random_samples()).error().message,
              HasSubstr("is there already"));
  EXPECT_EQ(to_string(load_file(output_, 100).value()), "precious");
  order.output = model_;
  order.replace = true;
  EXPECT_THAT(quantise::quantise(order, random_samples()).error().message,
              HasSubstr("is the model itself"));
}

TEST_F(Quantise, RefusesSamplesThatDoNotFit) {
  const auto none = [](const std::vector<runtime::Port>&) -> Result<Samples> { return Samples{}; };
  EXPECT_THAT(quantise(two_layers(), by(Way::Static), none).error().message,
              HasSubstr("no sample"));
  const auto wide = quantise(two_layers(), by(Way::Static), sample_of({1, 2, 3}, {1, 3}));
  EXPECT_EQ(wide.error().code, ErrorCode::InvalidArgument);
  EXPECT_THAT(wide.error().message, HasSubstr("has shape [1, 3]"));
  EXPECT_FALSE(is_there());
}

TEST_F(Quantise, AnErrorKeepsTheOutputThatWasThere) {
  ASSERT_TRUE(store_file(output_, as_bytes("precious")).ok());
  ModelFile file = two_layers();
  add_layer(file, with(std::numeric_limits<float>::quiet_NaN()));
  EXPECT_FALSE(quantise(file).ok());
  EXPECT_EQ(to_string(load_file(output_, 100).value()), "precious");
}

TEST_F(Quantise, AnErrorWhileComparingKeepsTheOutputThatWasThere) {
  ASSERT_TRUE(store_file(output_, as_bytes("precious")).ok());
  const auto lost = [](const std::vector<runtime::Port>&) -> Result<Samples> {
    return Samples{1, [](std::size_t) -> Result<std::vector<runtime::Tensor>> {
                     return not_found("the sample is gone");
                   }};
  };
  EXPECT_THAT(quantise(two_layers(), {}, lost).error().message, HasSubstr("the sample is gone"));
  EXPECT_EQ(to_string(load_file(output_, 100).value()), "precious");
  EXPECT_EQ(files(), (std::set<std::string>{"m.onnx", "o.onnx"}));
}

TEST_F(Quantise, ExternalDataTakesItsPlaceWithTheModel) {
  two_layers().store(model_);
  const Path outside = folder_ / "e.onnx";
  ASSERT_FALSE(store(Draft(Source::open(model_).value()), outside, 4096).value().data.empty());
  const Order order{.model = outside, .output = output_, .replace = true};
  for (int turn = 0; turn < 2; ++turn) {
    const auto made = quantise::quantise(order, random_samples());
    ASSERT_TRUE(made.ok()) << made.error();
    EXPECT_EQ(made->data, folder_ / "o.onnx.data");
    EXPECT_TRUE(runtime::Model::load_onnx(output_, {}).ok());
    EXPECT_EQ(files(),
              (std::set<std::string>{"e.onnx", "e.onnx.data", "m.onnx", "o.onnx", "o.onnx.data"}));
  }
}

TEST_F(Quantise, AFolderThatIsNotThereIsNamed) {
  two_layers().store(model_);
  const Order order{.model = model_, .output = folder_ / "absent/o.onnx"};
  const auto made = quantise::quantise(order, random_samples());
  ASSERT_FALSE(made.ok());
  EXPECT_EQ(made.error().code, ErrorCode::NotFound);
  EXPECT_THAT(made.error().message, HasSubstr("absent/o.onnx"));
}

}  // namespace
}  // namespace torchkeep::quantise
