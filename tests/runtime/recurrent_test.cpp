// What LSTM, GRU and RNN share: orders of dimensions, activations that are named, refusals.
#include <cmath>

#include "tests/runtime/node_case.h"

namespace torchkeep::runtime::testing {
namespace {

const DataType kFloat = DataType::Float32;

/// Inputs X, W, R, B, no lengths, initial_h of one direction; 2 steps, a batch of 3.
constexpr std::int64_t kSteps = 2, kBatch = 3, kInput = 2, kHidden = 4;

std::vector<NodeInput> inputs_of(bool batch_first, std::int64_t gates) {
  const Shape x = batch_first ? Shape{kBatch, kSteps, kInput} : Shape{kSteps, kBatch, kInput},
              h = batch_first ? Shape{kBatch, 1, kHidden} : Shape{1, kBatch, kHidden};
  return {{x},
          {{1, gates * kHidden, kInput}},
          {{1, gates * kHidden, kHidden}},
          {{1, 2 * gates * kHidden}},
          {{kBatch}, DataType::Int32},
          {h}};
}

std::vector<Message> with(std::vector<Message> attributes) {
  attributes.push_back(int_attribute("hidden_size", kHidden));
  return attributes;
}

/// [a, b, ...] as [b, a, ...].
Tensor turned(const Tensor& tensor) {
  Shape shape = tensor.shape;
  std::swap(shape[0], shape[1]);
  Tensor out(kFloat, shape, SecretBuffer(tensor.data.size()));
  const auto rows = static_cast<std::size_t>(tensor.shape[0]),
             columns = static_cast<std::size_t>(tensor.shape[1]),
             inner = tensor.elements<float>().size() / rows / columns;
  for (std::size_t i = 0; i < rows * columns * inner; ++i)
    out.elements<float>()[(i / inner % columns * rows + i / inner / columns) * inner + i % inner] =
        tensor.elements<float>()[i];
  return out;
}

class Layouts : public ::testing::TestWithParam<std::pair<const char*, std::int64_t>> {};

TEST_P(Layouts, ABatchThatComesFirstGivesTheSameTurned) {
  const auto [op, gates] = GetParam();
  std::mt19937 random(9);
  std::vector<Tensor> inputs, batch_first;
  for (const NodeInput& input : inputs_of(false, gates)) {
    inputs.push_back(input.type == kFloat
                         ? random_tensor(input.shape, random)
                         : tensor<std::int32_t>({kBatch}, {2, 1, 2}, DataType::Int32));
    const bool turns = inputs.size() == 1 || inputs.size() == 6;
    batch_first.push_back(
        turns ? turned(inputs.back())
              : Tensor(inputs.back().dtype, inputs.back().shape, SecretBuffer(inputs.back().data)));
  }
  const std::vector<NodeOutput> outputs{{kFloat, 4}, {kFloat, 3}};
  const auto steps_first =
      run_graph(node_graph(op, inputs_of(false, gates), with({}), outputs), inputs);
  ASSERT_TRUE(steps_first.ok()) << steps_first.error();
  const auto found =
      run_graph(node_graph(op, inputs_of(true, gates), with({int_attribute("layout", 1)}), outputs),
                batch_first);
  ASSERT_TRUE(found.ok()) << found.error();
  EXPECT_EQ((*found)[0].shape, (Shape{kBatch, kSteps, 1, kHidden}));
  // Of one direction: [steps, 1, batch, hidden] and [batch, steps, 1, hidden] are turned so.
  const Tensor wanted(kFloat, {kSteps, kBatch, 1, kHidden}, SecretBuffer((*steps_first)[0].data));
  EXPECT_EQ(elements_of<float>((*found)[0]), elements_of<float>(turned(wanted)));
  EXPECT_EQ(elements_of<float>((*found)[1]), elements_of<float>(turned((*steps_first)[1])));
}

INSTANTIATE_TEST_SUITE_P(Recurrent, Layouts,
                         ::testing::Values(std::pair{"RNN", 1}, std::pair{"GRU", 3},
                                           std::pair{"LSTM", 4}));

TEST(Recurrent, AnRnnBendsAsItsActivationSays) {
  const auto state = [](const std::vector<Message>& attributes, float x) {
    auto all = attributes;
    all.push_back(int_attribute("hidden_size", 1));
    const auto outputs =
        run_graph(node_graph("RNN", {{{1, 1, 1}}, {{1, 1, 1}}, {{1, 1, 1}}}, all, {{kFloat, 4}}),
                  tensors(tensor<float>({1, 1, 1}, {x}), tensor<float>({1, 1, 1}, {2}),
                          tensor<float>({1, 1, 1}, {0})));
    EXPECT_TRUE(outputs.ok()) << outputs.error();
    return (*outputs)[0].elements<float>()[0];
  };
  EXPECT_FLOAT_EQ(state({}, 3), std::tanh(6.0F));
  EXPECT_FLOAT_EQ(state({texts_attribute("activations", {"Tanh"})}, 3), std::tanh(6.0F));
  EXPECT_FLOAT_EQ(state({texts_attribute("activations", {"Relu"})}, 3), 6);
  EXPECT_FLOAT_EQ(state({texts_attribute("activations", {"Relu"})}, -3), 0);
}

Fault of(const char* name, const char* op, std::int64_t gates,
         const std::vector<Message>& attributes, const char* words) {
  return {name, [=] { return node_graph(op, inputs_of(false, gates), with(attributes)); }, words};
}

class WrongRecurrent : public ::testing::TestWithParam<Fault> {};

TEST_P(WrongRecurrent, IsRefusedByName) { expect_refused(GetParam()); }

const Fault kFaults[] = {
    of("ALayoutThatIsNone", "RNN", 1, {int_attribute("layout", 2)}, "layout is 2"),
    of("StatesOfTheOtherLayout", "GRU", 3, {int_attribute("layout", 1)},
       "input 4 has shape [3], wanted is [2]"),
    of("AnActivationThatIsNone", "RNN", 1, {texts_attribute("activations", {"Cosine"})},
       "activations are Cosine"),
    of("ActivationsOfTwoDirections", "RNN", 1, {texts_attribute("activations", {"Tanh", "Tanh"})},
       "activations are Tanh, Tanh"),
    of("OtherActivationsOfAnLstm", "LSTM", 4,
       {texts_attribute("activations", {"Sigmoid", "Relu", "Tanh"})},
       "activations are Sigmoid, Relu, Tanh"),
    of("ActivationsThatAreOneText", "GRU", 3, {text_attribute("activations", "Tanh")},
       "attribute activations has type 3"),
    of("SlopesOfActivations", "RNN", 1,
       {Message().text(1, "activation_alpha").real(7, 0.5F).number(20, 6)},
       "attribute activation_alpha is not supported"),
};

INSTANTIATE_TEST_SUITE_P(Node, WrongRecurrent, ::testing::ValuesIn(kFaults),
                         [](const auto& each) { return each.param.name; });

}  // namespace
}  // namespace torchkeep::runtime::testing
