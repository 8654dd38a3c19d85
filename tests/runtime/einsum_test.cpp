// Einsum in general: every equation against a plain sum over all labels.
#include <set>

#include "tests/runtime/node_case.h"

namespace torchkeep::runtime::testing {
namespace {

struct Equation {
  const char* name;
  const char* text;
  std::vector<std::string> terms;  ///< Of the inputs, ellipses written as digits.
  std::string output;
  std::vector<Shape> shapes;
};

std::map<char, std::int64_t> sizes_of(const Equation& equation) {
  std::map<char, std::int64_t> sizes;
  for (std::size_t i = 0; i < equation.shapes.size(); ++i) {
    for (std::size_t d = 0; d < equation.shapes[i].size(); ++d) {
      std::int64_t& size = sizes[equation.terms[i][d]];
      size = std::max(size, equation.shapes[i][d]);
    }
  }
  return sizes;
}

std::size_t place_of(const std::string& term, const Shape& shape,
                     std::map<char, std::int64_t>& index) {
  std::size_t place = 0;
  for (std::size_t d = 0; d < shape.size(); ++d)
    place = place * static_cast<std::size_t>(shape[d]) +
            static_cast<std::size_t>(shape[d] == 1 ? 0 : index[term[d]]);
  return place;
}

std::vector<double> wanted_of(const Equation& equation, const std::vector<Tensor>& inputs) {
  std::map<char, std::int64_t> sizes = sizes_of(equation), index;
  Shape output;
  for (const char label : equation.output) output.push_back(sizes[label]);
  std::vector<double> wanted(element_count(output).value(), 0);
  for (const auto& [label, size] : sizes) index[label] = 0;
  while (true) {
    double product = 1;
    for (std::size_t i = 0; i < inputs.size(); ++i)
      product *= double{
          inputs[i].elements<float>()[place_of(equation.terms[i], equation.shapes[i], index)]};
    wanted[place_of(equation.output, output, index)] += product;
    auto each = index.begin();
    while (each != index.end() && ++each->second == sizes[each->first]) (each++)->second = 0;
    if (each == index.end()) return wanted;
  }
}

class Einsum : public ::testing::TestWithParam<Equation> {};

TEST_P(Einsum, SumsTheProductsOfAllLabels) {
  const Equation& equation = GetParam();
  std::mt19937 random(11);
  std::vector<NodeInput> inputs;
  std::vector<Tensor> values;
  for (const Shape& shape : equation.shapes) {
    inputs.push_back({shape});
    values.push_back(random_tensor(shape, random));
  }
  const auto outputs =
      run_graph(node_graph("Einsum", inputs, {text_attribute("equation", equation.text)},
                           {{DataType::Float32, equation.output.size()}}),
                values);
  ASSERT_TRUE(outputs.ok()) << outputs.error();
  const std::vector<double> wanted = wanted_of(equation, values);
  const auto found = (*outputs)[0].elements<float>();
  ASSERT_EQ(found.size(), wanted.size());
  for (std::size_t i = 0; i < wanted.size(); ++i) EXPECT_NEAR(double{found[i]}, wanted[i], 1e-4);
}

const Equation kEquations[] = {
    {"Product", "ik, kj -> ij", {"ik", "kj"}, "ij", {{2, 3}, {3, 4}}},
    {"ProductThatSaysNoOutput", "ik,kj", {"ik", "kj"}, "ij", {{2, 3}, {3, 4}}},
    {"OutputInTheAlphabetsOrder", "ba", {"ba"}, "ab", {{2, 3}}},
    {"ThreeInputs", "ab,bc,cd->ad", {"ab", "bc", "cd"}, "ad", {{2, 3}, {3, 4}, {4, 2}}},
    {"FourInputs", "a,b,c,a->cb", {"a", "b", "c", "a"}, "cb", {{2}, {3}, {4}, {2}}},
    {"Diagonal", "iij->ji", {"iij"}, "ji", {{3, 3, 2}}},
    {"Trace", "ii", {"ii"}, "", {{4, 4}}},
    {"ASumOfOneInputAlone", "ij,k->ik", {"ij", "k"}, "ik", {{2, 3}, {4}}},
    {"EllipsesThatAreSpread",
     "...ij,...jk->...ik",
     {"01ij", "1jk"},
     "01ik",
     {{2, 3, 2, 4}, {1, 4, 5}}},
    {"AnEllipsisInTheMiddle", "i...j->j...i", {"i01j"}, "j01i", {{2, 3, 4, 5}}},
    {"AnEllipsisThatNobodySays", "...i,i", {"01i", "i"}, "01", {{2, 3, 4}, {4}}},
    {"AnEllipsisOfNothing", "...i,i...->i", {"i", "i"}, "i", {{4}, {4}}},
    {"CapitalsAreOtherLabels", "aA,Aa->", {"aA", "Aa"}, "", {{2, 3}, {3, 2}}},
    {"WithoutElements", "ij,jk->ik", {"ij", "jk"}, "ik", {{2, 1}, {1, 3}}},
};

INSTANTIATE_TEST_SUITE_P(Node, Einsum, ::testing::ValuesIn(kEquations),
                         [](const auto& each) { return each.param.name; });

TEST(EinsumOfNothing, IsZero) {
  const auto outputs = run_graph(
      node_graph("Einsum", {{{2, 0}}, {{0, 2}}}, {text_attribute("equation", "ij,jk->ik")}),
      tensors(tensor<float>({2, 0}, {}), tensor<float>({0, 2}, {})));
  ASSERT_TRUE(outputs.ok()) << outputs.error();
  EXPECT_THAT(elements_of<float>((*outputs)[0]), ::testing::ElementsAre(0, 0, 0, 0));
}

TEST(EinsumOfIntegers, IsExact) {
  const std::int64_t large = (std::int64_t{1} << 53) + 1;
  const auto outputs =
      run_graph(node_graph("Einsum", {{{2}, DataType::Int64}, {{2}, DataType::Int64}},
                           {text_attribute("equation", "i,i->")}, {{DataType::Int64, 0}}),
                tensors(tensor<std::int64_t>({2}, {large, 1}, DataType::Int64),
                        tensor<std::int64_t>({2}, {1, 2}, DataType::Int64)));
  ASSERT_TRUE(outputs.ok()) << outputs.error();
  EXPECT_THAT(elements_of<std::int64_t>((*outputs)[0]), ::testing::ElementsAre(large + 2));
}

Fault wrong(const char* name, const char* equation, const std::vector<NodeInput>& inputs,
            const char* words) {
  return {name,
          [=] { return node_graph("Einsum", inputs, {text_attribute("equation", equation)}); },
          words};
}

class WrongEinsum : public ::testing::TestWithParam<Fault> {};

TEST_P(WrongEinsum, IsRefusedByName) { expect_refused(GetParam()); }

const Fault kFaults[] = {
    wrong("ADigit", "i1->i", {{{2, 2}}}, "not understood at character 1"),
    wrong("TwoArrows", "ij->i->j", {{{2, 2}}}, "not understood"),
    wrong("TwoEllipses", "...i...->i", {{{2, 2}}}, "not understood"),
    wrong("HalfAnEllipsis", "..i->i", {{{2, 2}}}, "not understood"),
    wrong("ATermTooMany", "i,j->i", {{{2}}}, "there are 1 inputs, the equation has 2"),
    wrong("ALabelTooFew", "i->i", {{{2, 2}}}, "is \"i\""),
    wrong("FewerDimensionsThanLabels", "...ij->i", {{{2}}}, "is \"...ij\""),
    wrong("TwoSizesOfALabel", "ij,jk->ik", {{{2, 3}}, {{2, 3}}}, "is 2, elsewhere 3"),
    wrong("TwoSizesOfADiagonal", "ii->i", {{{2, 3}}}, "is 3, elsewhere 2"),
    wrong("ALabelTwiceInTheResult", "ij->ii", {{{2, 3}}}, "has a label twice"),
    wrong("ALabelThatNobodyHas", "ij->ik", {{{2, 3}}}, "no input has the result's label k"),
    wrong("AnEllipsisThatIsLost", "...i->i", {{{2, 3}}}, "the result has no ellipsis"),
    wrong("TwoTypes", "i,i->i", {{{2}}, {{2}, DataType::Float64}}, "inputs are FP32 and FP64"),
    wrong("Truths", "i,i->i", {{{2}, DataType::Bool}, {{2}, DataType::Bool}},
          "BOOL is not supported"),
    wrong("AnAbsurdResult", "a,b,c->abc",
          {{{std::int64_t{1} << 20}}, {{std::int64_t{1} << 20}}, {{std::int64_t{1} << 20}}},
          "more than 2^40 elements"),
};

INSTANTIATE_TEST_SUITE_P(Node, WrongEinsum, ::testing::ValuesIn(kFaults),
                         [](const auto& each) { return each.param.name; });

}  // namespace
}  // namespace torchkeep::runtime::testing
