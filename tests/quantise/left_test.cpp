// What is left as it was beside what is quantised, and why.
#include "torchkeep/quantise/quantise.h"

#include "tests/quantise/quantise_case.h"

namespace torchkeep::quantise {
namespace {

using ::testing::Contains;
using ::testing::Field;
using ::testing::HasSubstr;
using namespace testing;

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

}  // namespace
}  // namespace torchkeep::quantise
