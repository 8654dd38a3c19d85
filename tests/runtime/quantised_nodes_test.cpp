// Products and convolutions of quantised numbers against their definitions, which are exact.
#include <cmath>

#include "tests/runtime/node_case.h"

namespace torchkeep::runtime::testing {
namespace {

using ::testing::ElementsAre;

const DataType kByte = DataType::UInt8, kSigned = DataType::Int8, kInt = DataType::Int32;

template <typename T>
Tensor random_bytes(const Shape& shape, DataType type, std::mt19937& random) {
  std::vector<T> values(element_count(shape).value());
  for (T& value : values) value = static_cast<T>(random());
  return tensor<T>(shape, values, type);
}
Tensor byte(std::uint8_t value) { return tensor<std::uint8_t>({}, {value}, kByte); }
Tensor scale(float value) { return tensor<float>({}, {value}); }
Tensor scales(const std::vector<float>& values) {
  return tensor<float>({std::ssize(values)}, values);
}

TEST(QuantisedNodes, AProductOfIntegersIsExactWhateverItsSize) {
  // Longer than what a sum of 32 bits holds of the largest numbers without being cut in two.
  constexpr std::int64_t kLong = 40'000;
  std::mt19937 random(1);
  const Tensor left = random_bytes<std::uint8_t>({2, 3, kLong}, kByte, random),
               right = random_bytes<std::int8_t>({kLong, 2}, kSigned, random);
  const auto outputs = run_graph(
      node_graph("MatMulInteger",
                 {{left.shape, kByte}, {right.shape, kSigned}, {{3}, kByte}, {{2}, kSigned}}, {},
                 {{kInt}}),
      tensors(tensor<std::uint8_t>(left.shape, elements_of<std::uint8_t>(left), kByte),
              tensor<std::int8_t>(right.shape, elements_of<std::int8_t>(right), kSigned),
              tensor<std::uint8_t>({3}, {7, 0, 255}, kByte),
              tensor<std::int8_t>({2}, {-128, 3}, kSigned)));
  ASSERT_TRUE(outputs.ok()) << outputs.error();
  ASSERT_EQ((*outputs)[0].shape, (Shape{2, 3, 2}));
  const int zeros[] = {7, 0, 255}, right_zeros[] = {-128, 3};
  for (std::size_t i = 0; i < 12; ++i) {
    std::int64_t sum = 0;
    for (std::size_t k = 0; k < kLong; ++k)
      sum += (left.elements<std::uint8_t>()[i / 2 * kLong + k] - zeros[i / 2 % 3]) *
             (right.elements<std::int8_t>()[k * 2 + i % 2] - right_zeros[i % 2]);
    EXPECT_EQ((*outputs)[0].elements<std::int32_t>()[i], sum) << i;
  }
}

/// x [batches..., rows, 40] of `type` times a matrix of 9 columns; the matrix and its zero points
/// as parameters, or as inputs.
Result<std::vector<Tensor>> product_of(DataType type, const Shape& shape, const Shape& zeros,
                                       bool known, const std::vector<std::int8_t>& right_zeros) {
  std::mt19937 random(5);
  GraphBuilder graph;
  std::vector<std::string> names{"x", "w", "xz", "wz"};
  graph.input("x", shape, type);
  std::vector<Tensor> inputs = one(random_bytes<std::uint8_t>(shape, type, random));
  const Tensor weights = random_bytes<std::int8_t>({40, 9}, kSigned, random),
               offsets = tensor<std::int8_t>({std::ssize(right_zeros)}, right_zeros, kSigned);
  if (known) {
    graph.initializer("w", kSigned, weights.shape, elements_of<std::int8_t>(weights));
    graph.initializer("wz", kSigned, offsets.shape, right_zeros);
  }
  graph.input("xz", zeros, type);
  inputs.push_back(random_bytes<std::uint8_t>(zeros, type, random));
  if (!known) {
    graph.input("w", weights.shape, kSigned).input("wz", offsets.shape, kSigned);
    inputs.push_back(
        tensor<std::int8_t>(weights.shape, elements_of<std::int8_t>(weights), kSigned));
    inputs.push_back(tensor<std::int8_t>(offsets.shape, right_zeros, kSigned));
  }
  graph.output("y", Shape(shape.size(), -1), kInt).add(node("MatMulInteger", names, {"y"}));
  return run_graph(graph, inputs);
}

TEST(QuantisedNodes, AMatrixOfParametersAnswersAsOneThatIsHandedIn) {
  const std::vector<std::int8_t> around_zero{0}, each_around_zero(9, 0),
      around_others{1, 2, 3, 4, 5, 6, 7, 8, 9};
  for (const DataType type : {kByte, kSigned}) {
    for (const auto& [shape, zeros] : {std::pair{Shape{40}, Shape{}},
                                       {Shape{1, 40}, Shape{1}},
                                       {Shape{7, 40}, Shape{7}},
                                       {Shape{2, 3, 40}, Shape{3}},
                                       {Shape{2, 3, 40}, Shape{}},
                                       {Shape{0, 40}, Shape{}}}) {
      for (const auto& right : {around_zero, each_around_zero, around_others}) {
        const auto packed = product_of(type, shape, zeros, true, right),
                   plain = product_of(type, shape, zeros, false, right);
        ASSERT_TRUE(packed.ok()) << packed.error();
        ASSERT_TRUE(plain.ok()) << plain.error();
        EXPECT_EQ((*packed)[0].shape, (*plain)[0].shape);
        EXPECT_EQ(elements_of<std::int32_t>((*packed)[0]), elements_of<std::int32_t>((*plain)[0]));
      }
    }
  }
}

TEST(QuantisedNodes, AMatrixOfParametersRefusesWhatDoesNotFit) {
  for (const auto& [shape, zeros] : {std::pair{Shape{7, 41}, Shape{}},
                                     {Shape{7, 40}, Shape{6}},
                                     {Shape{7, 2, 40}, Shape{7}},
                                     {Shape{}, Shape{}}}) {
    const auto outputs = product_of(kByte, shape, zeros, true, {0});
    ASSERT_FALSE(outputs.ok()) << describe(shape);
    EXPECT_EQ(outputs.error().code, ErrorCode::Malformed);
    EXPECT_THAT(outputs.error().message, ::testing::HasSubstr("fit"));
  }
}

TEST(QuantisedNodes, BatchesAreSpreadOverEachOther) {
  const auto outputs = run_graph(
      node_graph("MatMulInteger", {{{2, 1, 1, 2}, kByte}, {{3, 2, 1}, kByte}}, {}, {{kInt}}),
      tensors(tensor<std::uint8_t>({2, 1, 1, 2}, {1, 2, 3, 4}, kByte),
              tensor<std::uint8_t>({3, 2, 1}, {1, 0, 0, 1, 10, 10}, kByte)));
  ASSERT_TRUE(outputs.ok()) << outputs.error();
  EXPECT_EQ((*outputs)[0].shape, (Shape{2, 3, 1, 1}));
  EXPECT_THAT(elements_of<std::int32_t>((*outputs)[0]), ElementsAre(1, 2, 30, 3, 4, 70));
}

TEST(QuantisedNodes, AProductWithAVectorIsAVector) {
  const auto outputs =
      run_graph(node_graph("MatMulInteger", {{{3}, kByte}, {{3, 2}, kByte}}, {}, {{kInt}}),
                tensors(tensor<std::uint8_t>({3}, {1, 2, 3}, kByte),
                        tensor<std::uint8_t>({3, 2}, {1, 10, 2, 20, 3, 30}, kByte)));
  ASSERT_TRUE(outputs.ok()) << outputs.error();
  EXPECT_EQ((*outputs)[0].shape, (Shape{2}));
  EXPECT_THAT(elements_of<std::int32_t>((*outputs)[0]), ElementsAre(14, 140));
}

// Against the float convolution of the numbers without their zero points: whole numbers that small
// are exact there too.
TEST(QuantisedNodes, AConvolutionOfIntegersIsTheFloatOneOfWholeNumbers) {
  const Shape image{2, 4, 5, 6}, weights{6, 2, 3, 2};
  const std::vector<Message> attributes = {
      ints_attribute("strides", {2, 1}), ints_attribute("pads", {1, 0, 1, 1}),
      ints_attribute("dilations", {1, 2}), int_attribute("group", 2)};
  std::mt19937 random(2);
  const Tensor x = random_bytes<std::uint8_t>(image, kByte, random),
               w = random_bytes<std::int8_t>(weights, kSigned, random);
  const std::vector<std::int8_t> zeros{1, -2, 3, -4, 5, -6};
  const auto found = run_graph(
      node_graph("ConvInteger", {{image, kByte}, {weights, kSigned}, {{}, kByte}, {{6}, kSigned}},
                 attributes, {{kInt}}),
      tensors(tensor<std::uint8_t>(image, elements_of<std::uint8_t>(x), kByte),
              tensor<std::int8_t>(weights, elements_of<std::int8_t>(w), kSigned), byte(100),
              tensor<std::int8_t>({6}, zeros, kSigned)));
  ASSERT_TRUE(found.ok()) << found.error();
  std::vector<float> float_x, float_w;
  for (const std::uint8_t value : x.elements<std::uint8_t>())
    float_x.push_back(static_cast<float>(value - 100));
  for (std::size_t i = 0; i < w.elements<std::int8_t>().size(); ++i)
    float_w.push_back(static_cast<float>(w.elements<std::int8_t>()[i] - zeros[i / 12]));
  const auto wanted = run_graph(node_graph("Conv", {{image}, {weights}}, attributes),
                                tensors(tensor(image, float_x), tensor(weights, float_w)));
  ASSERT_TRUE(wanted.ok()) << wanted.error();
  ASSERT_EQ((*found)[0].shape, (*wanted)[0].shape);
  for (std::size_t i = 0; i < (*found)[0].elements<std::int32_t>().size(); ++i)
    EXPECT_EQ(static_cast<float>((*found)[0].elements<std::int32_t>()[i]),
              (*wanted)[0].elements<float>()[i])
        << i;
}

struct Convolved {
  Shape image, weights;
  std::int64_t groups = 1;
  std::vector<Message> attributes = {};
};

/// ConvInteger with `zeros` of the image (none: it has no such input) and `offsets` of the weights,
/// which are parameters or not. `most`: weights and image are close to their largest numbers.
template <typename W>
Result<std::vector<Tensor>> convolution_of(const Convolved& c, DataType type,
                                           std::optional<std::uint8_t> zero,
                                           const std::vector<W>& offsets, bool known,
                                           bool most = false) {
  const DataType weights_type = std::is_same_v<W, std::int8_t> ? kSigned : kByte;
  std::mt19937 random(8);
  GraphBuilder graph;
  std::vector<Tensor> inputs;
  const auto bytes = [&](const Shape& shape, DataType kind) {
    Tensor made = random_bytes<std::uint8_t>(shape, kind, random);
    for (std::uint8_t& byte : made.data) {
      const int few = byte % 3;
      if (most) byte = static_cast<std::uint8_t>((kind == kSigned ? 127 : 255) - few);
    }
    return made;
  };
  std::vector<std::string> names{"x", "w", zero ? "xz" : "", "wz"};
  graph.input("x", c.image, type);
  inputs.push_back(bytes(c.image, type));
  if (zero) {
    graph.input("xz", {}, type);
    inputs.push_back(tensor<std::uint8_t>({}, {*zero}, type));
  }
  const Shape each = offsets.size() == 1 ? Shape{} : Shape{std::ssize(offsets)};
  Tensor weights = bytes(c.weights, weights_type);
  if (known) {
    graph.initializer("w", weights_type, c.weights, elements_of<std::uint8_t>(weights));
    graph.initializer("wz", weights_type, each, offsets);
  } else {
    graph.input("w", c.weights, weights_type).input("wz", each, weights_type);
    inputs.push_back(std::move(weights));
    inputs.push_back(tensor<W>(each, offsets, weights_type));
  }
  std::vector<Message> attributes = c.attributes;
  attributes.push_back(int_attribute("group", c.groups));
  graph.output("y", Shape(c.image.size(), -1), kInt);
  graph.add(node("ConvInteger", names, {"y"}, attributes));
  return run_graph(graph, inputs);
}

const Convolved kConvolved[] = {
    {{2, 4, 9, 8}, {6, 4, 3, 3}, 1, {ints_attribute("pads", {1, 0, 2, 1})}},
    {{1, 6, 7, 7}, {8, 3, 2, 3}, 2, {ints_attribute("strides", {2, 1})}},
    {{2, 16, 6, 5}, {16, 1, 3, 3}, 16, {ints_attribute("pads", {1, 1, 1, 1})}},
    {{1, 5, 11, 10},
     {7, 5, 3, 3},
     1,
     {ints_attribute("dilations", {2, 3}), text_attribute("auto_pad", "SAME_UPPER")}},
    {{1, 600, 4, 4}, {20, 600, 1, 1}},
    {{1, 1, 6, 6}, {1, 1, 3, 3}, 1, {ints_attribute("pads", {2, 2, 2, 2})}},
    {{2, 3, 12}, {4, 3, 5}, 1, {ints_attribute("pads", {2, 1})}},
    {{1, 3, 4, 5, 4}, {4, 3, 2, 2, 2}, 1, {ints_attribute("pads", {1, 1, 0, 0, 1, 0})}},
    {{0, 4, 9, 8}, {6, 4, 3, 3}},
};

/// The same with loops: weights that are handed in are convolved with no other.
template <typename W>
void expect_as_loops(const Convolved& c, DataType type, std::optional<std::uint8_t> zero,
                     const std::vector<W>& offsets, bool most = false) {
  const auto packed = convolution_of(c, type, zero, offsets, true, most),
             plain = convolution_of(c, type, zero, offsets, false, most);
  ASSERT_TRUE(packed.ok()) << packed.error();
  ASSERT_TRUE(plain.ok()) << plain.error();
  EXPECT_EQ((*packed)[0].shape, (*plain)[0].shape);
  EXPECT_EQ(elements_of<std::int32_t>((*packed)[0]), elements_of<std::int32_t>((*plain)[0]))
      << describe(c.weights);
}

TEST(QuantisedNodes, FiltersOfParametersAnswerAsThoseThatAreHandedIn) {
  for (const Convolved& c : kConvolved) {
    for (const DataType type : {kByte, kSigned}) {
      for (const std::optional<std::uint8_t> zero :
           {std::optional<std::uint8_t>(), std::optional<std::uint8_t>(0),
            std::optional<std::uint8_t>(130)}) {
        expect_as_loops<std::int8_t>(c, type, zero, {0});
        expect_as_loops<std::int8_t>(c, type, zero, {-5});
        expect_as_loops<std::uint8_t>(c, type, zero, {128});
        expect_as_loops<std::uint8_t>(c, type, zero, {77});
      }
      std::vector<std::uint8_t> each;
      for (std::int64_t i = 0; i < c.weights[0]; ++i)
        each.push_back(static_cast<std::uint8_t>(100 + 9 * i));
      expect_as_loops<std::uint8_t>(c, type, 3, each);
    }
  }
}

// Beyond 2^24, where floats stop to hold each whole number.
TEST(QuantisedNodes, LargeSumsOfAConvolutionAreExact) {
  for (const Convolved& c :
       {Convolved{{1, 700, 3, 3}, {5, 700, 1, 1}}, Convolved{{1, 128, 5, 5}, {16, 128, 3, 3}},
        Convolved{{1, 256, 5, 5}, {16, 128, 3, 3}, 2}}) {
    for (const DataType type : {kByte, kSigned}) {
      expect_as_loops<std::int8_t>(c, type, 1, {0}, true);
      expect_as_loops<std::uint8_t>(c, type, 1, {2}, true);
    }
  }
}

TEST(QuantisedNodes, FiltersOfParametersRefuseWhatDoesNotFit) {
  const auto refused = [](const Convolved& c, const std::vector<std::int8_t>& offsets) {
    const auto outputs = convolution_of(c, kByte, 3, offsets, true);
    ASSERT_FALSE(outputs.ok()) << describe(c.image);
    EXPECT_EQ(outputs.error().code, ErrorCode::Malformed);
  };
  refused({{1, 5, 9, 8}, {6, 4, 3, 3}}, {0});
  refused({{1, 4, 9}, {6, 4, 3, 3}}, {0});
  refused({{1, 8, 9, 8}, {5, 4, 3, 3}, 2}, {0});
  refused({{1, 4, 2, 2}, {6, 4, 3, 3}}, {0});
  refused({{1, 4, 9, 8}, {6, 4, 3, 3}}, {0, 0});
}

TEST(QuantisedNodes, AQuantisedConvolutionHasAScaleForEachChannelAndABias) {
  const auto outputs =
      run_graph(node_graph("QLinearConv",
                           {{{1, 1, 2}, kByte},
                            {{}},
                            {{}, kByte},
                            {{2, 1, 1}, kByte},
                            {{2}},
                            {{2}, kByte},
                            {{}},
                            {{}, kByte},
                            {{2}, kInt}},
                           {}, {{kByte}}),
                tensors(tensor<std::uint8_t>({1, 1, 2}, {12, 14}, kByte), scale(0.5F), byte(10),
                        tensor<std::uint8_t>({2, 1, 1}, {3, 5}, kByte), scales({1, 2}),
                        tensor<std::uint8_t>({2}, {0, 4}, kByte), scale(2), byte(100),
                        tensor<std::int32_t>({2}, {0, 1000}, kInt)));
  ASSERT_TRUE(outputs.ok()) << outputs.error();
  // 6 * 0.25 = 1.5 and 12 * 0.25 = 3; 1002 * 0.5 and more is above all.
  EXPECT_THAT(elements_of<std::uint8_t>((*outputs)[0]), ElementsAre(102, 103, 255, 255));
}

TEST(QuantisedNodes, ABlockHasAScaleOfItsOwn) {
  const std::vector<Message> blocks = {int_attribute("axis", 0), int_attribute("block_size", 2)};
  GraphBuilder graph;
  graph.input("x", {3, 2}).input("s", {2, 2}).output("y", {3, 2}, kByte).output("z", {3, 2});
  graph.add(node("QuantizeLinear", {"x", "s"}, {"y"}, blocks))
      .add(node("DequantizeLinear", {"y", "s"}, {"z"}, blocks));
  const auto model = load(graph.payload(21));
  ASSERT_TRUE(model.ok()) << model.error();
  const auto outputs = (*model)->run(
      tensors(tensor<float>({3, 2}, {1, 20, 2, 30, 3, 4}), tensor<float>({2, 2}, {1, 10, 3, 4})));
  ASSERT_TRUE(outputs.ok()) << outputs.error();
  EXPECT_THAT(elements_of<std::uint8_t>((*outputs)[0]), ElementsAre(1, 2, 2, 3, 1, 1));
  EXPECT_THAT(elements_of<float>((*outputs)[1]), ElementsAre(1, 20, 2, 30, 3, 4));
}

Fault of(const char* name, const char* op, const std::vector<NodeInput>& inputs,
         const std::vector<Message>& attributes, const char* words) {
  return {name, [=] { return node_graph(op, inputs, attributes, {{kInt}}); }, words};
}

/// A QLinearMatMul [2, 3] x [3, 2] with one input that is another.
Fault product(const char* name, std::size_t input, const NodeInput& other, const char* words) {
  std::vector<NodeInput> inputs{{{2, 3}, kByte}, {{}}, {{}, kByte}, {{3, 2}, kByte}, {{}},
                                {{}, kByte},     {{}}, {{}, kByte}};
  inputs[input] = other;
  return {name, [=] { return node_graph("QLinearMatMul", inputs, {}, {{kByte}}); }, words};
}

class WrongQuantisedNodes : public ::testing::TestWithParam<Fault> {};

TEST_P(WrongQuantisedNodes, AreRefusedByName) { expect_refused(GetParam()); }

const Fault kFaults[] = {
    of("AProductOfFloats", "MatMulInteger", {{{2, 3}}, {{3, 2}}}, {}, "FP32 is not supported"),
    of("MatricesThatDoNotFit", "MatMulInteger", {{{2, 3}, kByte}, {{2, 3}, kByte}}, {},
       "matrices of shapes [2, 3] and [2, 3] do not fit"),
    of("BatchesThatDoNotFit", "MatMulInteger", {{{2, 2, 3}, kByte}, {{3, 3, 2}, kByte}}, {},
       "do not fit"),
    of("AZeroPointOfAnotherType", "MatMulInteger",
       {{{2, 3}, kByte}, {{3, 2}, kByte}, {{}, kSigned}}, {}, "zero points of INT8 [] do not fit"),
    of("ZeroPointsOfOtherRows", "MatMulInteger", {{{2, 3}, kByte}, {{3, 2}, kByte}, {{3}, kByte}},
       {}, "zero points of UINT8 [3] do not fit"),
    of("AnImageOfManyZeroPoints", "ConvInteger",
       {{{1, 2, 3}, kByte}, {{1, 2, 1}, kByte}, {{2}, kByte}}, {}, "do not fit input 0"),
    {"AnImageOfManyZeroPointsAndKnownFilters",
     [] {
       GraphBuilder graph;
       graph.input("x", {1, 2, 3}, kByte).input("xz", {2}, kByte).output("y", {-1, -1, -1}, kInt);
       graph.initializer("w", kByte, {1, 2, 1}, std::vector<std::uint8_t>{1, 2});
       return graph.add(node("ConvInteger", {"x", "w", "xz"}, {"y"}));
     },
     "do not fit input 0"},
    of("WeightsOfOtherChannels", "ConvInteger", {{{1, 2, 3}, kByte}, {{1, 3, 1}, kByte}}, {},
       "do not fit an image of shape [1, 2, 3]"),
    of("NoGroups", "ConvInteger", {{{1, 2, 3}, kByte}, {{1, 2, 1}, kByte}},
       {int_attribute("group", 0)}, "group is 0"),
    product("ScalesOfOtherRows", 1, {{3}}, "do not fit"),
    product("AScaleThatIsNoFloat", 1, {{}, DataType::Float64}, "input 1 is FP64"),
    product("AResultOfManyScales", 6, {{2}}, "input 6 holds 2 scales, wanted is 1"),
    product("AResultOfManyZeroPoints", 7, {{2}, kByte}, "zero points of shape [2]"),
    product("AResultOfIntegers", 7, {{}, kInt}, "INT32 is not supported"),
    of("ScalesOfOtherBlocks", "DequantizeLinear", {{{4, 2}, kByte}, {{3, 2}}},
       {int_attribute("axis", 0), int_attribute("block_size", 2)},
       "a scale of shape [3, 2] does not fit [4, 2]"),
    of("ABlockOfLessThanNothing", "DequantizeLinear", {{{4, 2}, kByte}, {{2, 2}}},
       {int_attribute("block_size", -2)}, "block_size is -2"),
};

INSTANTIATE_TEST_SUITE_P(Node, WrongQuantisedNodes, ::testing::ValuesIn(kFaults),
                         [](const auto& each) { return each.param.name; });

}  // namespace
}  // namespace torchkeep::runtime::testing
