// What is refused, and what an error leaves behind.
#include "torchkeep/quantise/quantise.h"

#include <limits>

#include "torchkeep/quantise/draft.h"

#include "tests/quantise/quantise_case.h"

namespace torchkeep::quantise {
namespace {

using ::testing::HasSubstr;
using namespace testing;

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
