// Poolings that oneDNN does not do, their inverse, and what else moves a window over an image.
#include "tests/runtime/node_case.h"

namespace torchkeep::runtime::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::ElementsAreArray;

const DataType kFloat = DataType::Float32, kInt = DataType::Int64;
const std::vector<Message> kPairs = {ints_attribute("kernel_shape", {2, 2}),
                                     ints_attribute("strides", {2, 2})};

std::vector<Message> with(std::vector<Message> attributes, const Message& more) {
  attributes.push_back(more);
  return attributes;
}

Tensor image_of(const Shape& shape, const std::vector<float>& values) {
  return tensor<float>(shape, values);
}

TEST(WindowNodes, TheLargestIsToldByItsPlaceInTheWholeTensor) {
  const auto graph = node_graph("MaxPool", {{{2, 1, 2, 4}}}, kPairs, {{kFloat}, {kInt}});
  const auto outputs = run_graph(
      graph, tensors(image_of({2, 1, 2, 4}, {1, 5, 2, 2, 3, 4, 2, 2, 0, 0, 9, 8, 7, 0, 1, 2})));
  ASSERT_TRUE(outputs.ok()) << outputs.error();
  EXPECT_THAT(elements_of<float>((*outputs)[0]), ElementsAre(5, 2, 7, 9));
  EXPECT_THAT(elements_of<std::int64_t>((*outputs)[1]), ElementsAre(1, 2, 12, 10))
      << "of equals the first";
}

TEST(WindowNodes, AnUnpoolingPutsEveryElementBack) {
  GraphBuilder graph;
  graph.input("x", {1, 2, 4, 4}).output("y", {1, 2, 4, 4});
  graph.add(node("MaxPool", {"x"}, {"p", "i"}, kPairs))
      .add(node("MaxUnpool", {"p", "i"}, {"y"}, kPairs));
  std::mt19937 random(3);
  const Tensor x = random_tensor({1, 2, 4, 4}, random);
  std::vector<float> wanted(32, 0);
  for (std::size_t window = 0; window < 8; ++window) {
    const std::size_t start = window / 4 * 16 + window / 2 % 2 * 8 + window % 2 * 2;
    std::size_t largest = start;
    for (const std::size_t place : {start + 1, start + 4, start + 5})
      if (x.elements<float>()[place] > x.elements<float>()[largest]) largest = place;
    wanted[largest] = x.elements<float>()[largest];
  }
  const auto model = load(graph);
  ASSERT_TRUE(model.ok()) << model.error();
  const auto outputs = (*model)->run({&x, 1});
  ASSERT_TRUE(outputs.ok()) << outputs.error();
  EXPECT_THAT(elements_of<float>((*outputs)[0]), ElementsAreArray(wanted));
}

TEST(WindowNodes, APoolingOfTheWholeImageIsItsNorm) {
  const auto graph = node_graph("GlobalLpPool", {{{1, 2, 2, 2}}}, {int_attribute("p", 1)});
  const auto outputs =
      run_graph(graph, tensors(image_of({1, 2, 2, 2}, {1, -2, 3, -4, 0, 0, 0, 5})));
  ASSERT_TRUE(outputs.ok()) << outputs.error();
  EXPECT_THAT(elements_of<float>((*outputs)[0]), ElementsAre(10, 5));
}

// What the cells are is PyTorch's: torchvision.ops.roi_pool gives the same.
TEST(WindowNodes, ARegionsCellsOverlapAndThoseOutsideAreZero) {
  const auto graph = node_graph("MaxRoiPool", {{{1, 1, 3, 3}}, {{2, 5}}},
                                {ints_attribute("pooled_shape", {2, 2})});
  const auto outputs = run_graph(graph, tensors(image_of({1, 1, 3, 3}, {1, 2, 3, 4, 5, 6, 7, 8, 9}),
                                                image_of({2, 5}, {0, 0, 0, 2, 2, 0, 2, 2, 5, 5})));
  ASSERT_TRUE(outputs.ok()) << outputs.error();
  EXPECT_THAT(elements_of<float>((*outputs)[0]), ElementsAre(5, 6, 8, 9, 9, 0, 0, 0));
}

// Without offsets it is a convolution.
TEST(WindowNodes, ADeformedConvolutionWithoutOffsetsIsAConvolution) {
  std::mt19937 random(5);
  const Shape image{2, 4, 5, 6}, weights{6, 2, 3, 2}, offsets{2, 24, 3, 3};
  const std::vector<Message> attributes = {ints_attribute("strides", {2, 2}),
                                           ints_attribute("pads", {1, 0, 1, 1}),
                                           int_attribute("group", 2)};
  const std::vector<Tensor> inputs =
      tensors(random_tensor(image, random), random_tensor(weights, random),
              Tensor(kFloat, offsets, SecretBuffer(2 * 24 * 9 * 4)));
  auto deformed = attributes;
  deformed.push_back(int_attribute("offset_group", 2));
  const auto found =
      run_graph(node_graph("DeformConv", {{image}, {weights}, {offsets}}, deformed), inputs, 19);
  ASSERT_TRUE(found.ok()) << found.error();
  const auto wanted = run_graph(node_graph("Conv", {{image}, {weights}}, attributes),
                                tensors(tensor<float>(image, elements_of<float>(inputs[0])),
                                        tensor<float>(weights, elements_of<float>(inputs[1]))));
  ASSERT_TRUE(wanted.ok()) << wanted.error();
  ASSERT_EQ((*found)[0].shape, (*wanted)[0].shape);
  for (std::size_t i = 0; i < (*found)[0].elements<float>().size(); ++i)
    EXPECT_NEAR((*found)[0].elements<float>()[i], (*wanted)[0].elements<float>()[i], 1e-5);
}

Tensor ints(const std::vector<std::int64_t>& values) {
  return tensor<std::int64_t>({std::ssize(values)}, values, kInt);
}
Tensor zeros(const Shape& shape) {
  return Tensor(kFloat, shape, SecretBuffer(byte_count(kFloat, shape).value()));
}

/// `index` is where the one element of x [1, 1, 1, 1] is to go.
RunFault unpooling(const char* name, std::int64_t index, const char* words) {
  return {name,
          [] {
            return node_graph("MaxUnpool", {{{1, 1, 1, 1}}, {{1, 1, 1, 1}, kInt}}, kPairs);
          },
          [index] {
            return tensors(zeros({1, 1, 1, 1}), tensor<std::int64_t>({1, 1, 1, 1}, {index}, kInt));
          },
          words};
}

RunFault of(const char* name, const char* op, std::vector<NodeInput> inputs,
            std::vector<Message> attributes, const char* words, std::int64_t opset = 17,
            std::function<std::vector<Tensor>()> run = {}) {
  return {name, [=] { return node_graph(op, inputs, attributes); }, std::move(run), words, opset};
}

RunFault regions(const char* name, const std::vector<float>& region, const char* words) {
  return of(name, "MaxRoiPool", {{{1, 1, 2, 2}}, {{1, 5}}},
            {ints_attribute("pooled_shape", {1, 1})}, words, 17, [=] {
              return tensors(zeros({1, 1, 2, 2}), tensor<float>({1, 5}, region));
            });
}

class WrongWindowNodes : public ::testing::TestWithParam<RunFault> {};

TEST_P(WrongWindowNodes, AreRefusedByName) { expect_run_refused(GetParam()); }

const RunFault kFaults[] = {
    unpooling("AnIndexAfterTheImage", 4, "index 4 is not among 4"),
    unpooling("AnIndexBeforeTheImage", -1, "index -1 is not among 4"),
    of("IndicesOfAnotherShape", "MaxUnpool", {{{1, 1, 2, 2}}, {{1, 1, 2, 1}, kInt}}, kPairs,
       "do not fit [1, 1, 2, 2]"),
    of("IndicesThatAreNoIntegers", "MaxUnpool", {{{1, 1, 2, 2}}, {{1, 1, 2, 2}}}, kPairs,
       "input 1 is FP32, wanted is INT64"),
    of("AnUnpoolingOfOtherDimensions", "MaxUnpool", {{{1, 1, 2}}, {{1, 1, 2}, kInt}}, kPairs,
       "does not fit a window of 2 dimensions"),
    of("AStorageOrderThatIsNone", "MaxPool", {{{1, 1, 2, 2}}},
       with(kPairs, int_attribute("storage_order", 2)), "storage_order is 2"),
    of("AMaximumOfTruths", "MaxPool", {{{1, 1, 2, 2}, DataType::Bool}}, kPairs,
       "BOOL is not supported"),
    {"AWindowThatSeesOnlyPadding",
     [] {
       return node_graph("MaxPool", {{{1, 1, 2}, DataType::UInt8}},
                         {ints_attribute("kernel_shape", {1}), ints_attribute("pads", {1, 1})},
                         {{DataType::UInt8}});
     },
     {},
     "sees nothing but padding"},
    of("ANormOfNothing", "LpPool", {{{1, 1, 2, 2}}}, with(kPairs, int_attribute("p", 0)), "p is 0"),
    of("ANormOfThree", "LpNormalization", {{{2, 2}}}, {int_attribute("p", 3)}, "p is 3"),
    of("ANormAlongNothing", "LpNormalization", {{{2, 2}}}, {int_attribute("axis", 2)},
       "axis 2 is not among 2"),
    of("MeansAlongNothing", "MeanVarianceNormalization", {{{2, 2}}}, {}, "axis 2 is not among 2"),
    of("RegionsOfFourNumbers", "MaxRoiPool", {{{1, 1, 2, 2}}, {{1, 4}}},
       {ints_attribute("pooled_shape", {1, 1})}, "5 numbers a region"),
    of("RegionsThatBecomeNothing", "MaxRoiPool", {{{1, 1, 2, 2}}, {{1, 5}}},
       {ints_attribute("pooled_shape", {1, 0})}, "pooled_shape is [1, 0]"),
    regions("ARegionOfAnotherImage", {1, 0, 0, 1, 1}, "region 0 is of image 1 of 1"),
    regions("ARegionOfNoImage", {-1, 0, 0, 1, 1}, "region 0 is of image -1 of 1"),
    regions("ARegionThatIsNoNumber", {0, std::nanf(""), 0, 1, 1}, "out of all bounds"),
    regions("AnAbsurdRegion", {0, 0, 0, 1e30F, 1}, "out of all bounds"),
    of("ColumnsThatDoNotFit", "Col2Im", {{{1, 5, 4}}, {{2}, kInt}, {{2}, kInt}}, {},
       "columns of shape [1, 5, 4] do not fit 9 places of blocks of 4", 18,
       [] {
         return tensors(zeros({1, 5, 4}), ints({4, 4}), ints({2, 2}));
       }),
    of("ABlockWithoutElements", "Col2Im", {{{1, 4, 9}}, {{2}, kInt}, {{2}, kInt}}, {},
       "has no elements", 18,
       [] {
         return tensors(zeros({1, 4, 9}), ints({4, 4}), ints({2, 0}));
       }),
    of("AnImageOfNegativeSize", "Col2Im", {{{1, 4, 9}}, {{2}, kInt}, {{2}, kInt}}, {},
       "negative dimension", 18,
       [] {
         return tensors(zeros({1, 4, 9}), ints({-4, 4}), ints({2, 2}));
       }),
    of("AnImageOfFourDimensions", "Col2Im", {{{1, 4, 9}}, {{4}, kInt}, {{4}, kInt}}, {},
       "has not 1 to 3 dimensions", 18,
       [] {
         return tensors(zeros({1, 4, 9}), ints({4, 4, 1, 1}), ints({2, 2, 1, 1}));
       }),
    of("ACropOfFewerDimensions", "CenterCropPad", {{{4, 4}}, {{1}, kInt}}, {},
       "shape has 1 numbers for 2 dimensions", 18,
       [] {
         return tensors(zeros({4, 4}), ints({2}));
       }),
    of("ACropToLessThanNothing", "CenterCropPad", {{{4, 4}}, {{2}, kInt}}, {}, "negative dimension",
       18,
       [] {
         return tensors(zeros({4, 4}), ints({2, -1}));
       }),
    of("AnAbsurdCrop", "CenterCropPad", {{{4, 4}}, {{2}, kInt}}, {}, "dimension 1 becomes", 18,
       [] {
         return tensors(zeros({4, 4}), ints({2, std::int64_t{1} << 40}));
       }),
    of("AGridOfThreeNumbers", "AffineGrid", {{{1, 2, 3}}, {{3}, kInt}}, {}, "size has 3 numbers",
       20,
       [] {
         return tensors(zeros({1, 2, 3}), ints({1, 1, 2}));
       }),
    of("AThetaOfAnotherBatch", "AffineGrid", {{{1, 2, 3}}, {{4}, kInt}}, {},
       "theta has shape [1, 2, 3], wanted is [2, 2, 3]", 20,
       [] {
         return tensors(zeros({1, 2, 3}), ints({2, 1, 2, 2}));
       }),
    of("OffsetsThatDoNotFit", "DeformConv", {{{1, 1, 3, 3}}, {{1, 1, 2, 2}}, {{1, 8, 3, 3}}}, {},
       "input 2 has shape [1, 8, 3, 3], wanted is [1, 8, 2, 2]", 19),
    of("OffsetGroupsThatDoNotFit", "DeformConv", {{{1, 3, 3, 3}}, {{1, 3, 2, 2}}, {{1, 16, 2, 2}}},
       {int_attribute("offset_group", 2)}, "2 groups of offsets do not fit", 19),
    of("ADeformedLine", "DeformConv", {{{1, 1, 3}}, {{1, 1, 2}}, {{1, 2, 2}}}, {},
       "wanted are 4 dimensions", 19),
};

INSTANTIATE_TEST_SUITE_P(Node, WrongWindowNodes, ::testing::ValuesIn(kFaults),
                         [](const auto& each) { return each.param.name; });

}  // namespace
}  // namespace torchkeep::runtime::testing
