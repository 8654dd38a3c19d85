// LSTM, GRU and RNN against their definitions, in double precision and one number at a time.
#include <cmath>

#include <gtest/gtest.h>

#include "tests/runtime/graph_builder.h"
#include "tests/runtime/reference.h"

namespace torchkeep::runtime::testing {
namespace {

struct Layer {
  const char* name;
  const char* op = "LSTM";
  std::size_t steps = 5, batch = 1, input = 3, hidden = 4;
  const char* direction = "forward";
  bool bias = true, first = false, peepholes = false, reset_last = false;
  std::vector<std::int32_t> lengths = {};
  bool computed = false;  ///< W and R are inputs, not parameters.

  std::size_t gates() const {
    return op == std::string("LSTM") ? 4 : op == std::string("GRU") ? 3 : 1;
  }
  std::size_t directions() const { return direction == std::string("bidirectional") ? 2 : 1; }
};

using Floats = std::vector<float>;
double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

/// All that a layer reads; empty for what there is not.
struct Read {
  Floats x, w, r, b, h, c, p;
};

/// [steps, directions, batch, hidden]
Floats reference(const Layer& l, const Read& in) {
  const std::size_t n = l.hidden, width = l.gates() * n;
  Floats out(l.steps * l.directions() * l.batch * n);
  for (std::size_t d = 0; d < l.directions(); ++d) {
    const bool backwards = d == 1 || l.direction == std::string("reverse");
    for (std::size_t b = 0; b < l.batch; ++b) {
      const std::size_t length =
          l.lengths.empty() ? l.steps : static_cast<std::size_t>(l.lengths[b]);
      std::vector<double> h(n), c(n);
      for (std::size_t i = 0; i < n; ++i) {
        const std::size_t at = (d * l.batch + b) * n + i;
        h[i] = in.h.empty() ? 0 : double{in.h[at]};
        c[i] = in.c.empty() ? 0 : double{in.c[at]};
      }
      for (std::size_t s = 0; s < length; ++s) {
        const std::size_t t = backwards ? length - 1 - s : s;
        const auto of_input = [&](std::size_t k) {
          double sum = in.b.empty() ? 0 : double{in.b[d * 2 * width + k]};
          for (std::size_t i = 0; i < l.input; ++i)
            sum += double{in.x[(t * l.batch + b) * l.input + i]} *
                   double{in.w[(d * width + k) * l.input + i]};
          return sum;
        };
        const auto of_state = [&](std::size_t k, const std::vector<double>& state) {
          double sum = in.b.empty() ? 0 : double{in.b[(d * 2 + 1) * width + k]};
          for (std::size_t i = 0; i < n; ++i)
            sum += state[i] * double{in.r[(d * width + k) * n + i]};
          return sum;
        };
        const auto peep = [&](std::size_t gate, std::size_t i, double cell) {
          return in.p.empty() ? 0 : double{in.p[(d * 3 + gate) * n + i]} * cell;
        };
        std::vector<double> next(n), limited(n);
        for (std::size_t i = 0; i < n; ++i)
          limited[i] = l.gates() == 3 ? h[i] * sigmoid(of_input(n + i) + of_state(n + i, h)) : 0;
        for (std::size_t i = 0; i < n; ++i) {
          const auto both = [&](std::size_t gate) {
            return of_input(gate * n + i) + of_state(gate * n + i, h);
          };
          if (l.gates() == 4) {
            const double before = c[i];
            c[i] = sigmoid(both(2) + peep(2, i, before)) * before +
                   sigmoid(both(0) + peep(0, i, before)) * std::tanh(both(3));
            next[i] = sigmoid(both(1) + peep(1, i, c[i])) * std::tanh(c[i]);
          } else if (l.gates() == 3) {
            const double update = sigmoid(both(0)), reset = sigmoid(both(1));
            const double recurrent =
                l.reset_last ? reset * of_state(2 * n + i, h) : of_state(2 * n + i, limited);
            next[i] = (1 - update) * std::tanh(of_input(2 * n + i) + recurrent) + update * h[i];
          } else {
            next[i] = std::tanh(both(0));
          }
        }
        h = next;
        for (std::size_t i = 0; i < n; ++i)
          out[((t * l.directions() + d) * l.batch + b) * n + i] = static_cast<float>(h[i]);
      }
    }
  }
  return out;
}

class Recurrent : public ::testing::TestWithParam<Layer> {};

TEST_P(Recurrent, AgreesWithTheDefinition) {
  const Layer& l = GetParam();
  const auto size = [](std::size_t number) { return static_cast<std::int64_t>(number); };
  const std::int64_t d = size(l.directions()), n = size(l.hidden), width = size(l.gates()) * n;
  std::mt19937 random(21);
  GraphBuilder graph;
  std::vector<Tensor> inputs;
  Read read;
  const auto add = [&](const std::string& name, const Shape& shape, Floats& to, bool parameter) {
    if (parameter) {
      to = graph.random_weights(name, shape, 0.5F, random);
      return name;
    }
    graph.input(name, shape);
    inputs.push_back(random_tensor(shape, random));
    const auto elements = inputs.back().elements<float>();
    to.assign(elements.begin(), elements.end());
    return name;
  };
  const Shape state{d, size(l.batch), n};
  std::vector<std::string> names{
      add("x", {size(l.steps), size(l.batch), size(l.input)}, read.x, false),
      add("w", {d, width, size(l.input)}, read.w, !l.computed),
      add("r", {d, width, n}, read.r, !l.computed)};
  names.push_back(l.bias ? add("b", {d, 2 * width}, read.b, true) : "");
  names.push_back(l.lengths.empty() ? "" : "lengths");
  if (!l.lengths.empty()) graph.initializer("lengths", DataType::Int32, {size(l.batch)}, l.lengths);
  names.push_back(l.first ? add("h", state, read.h, false) : "");
  if (l.gates() == 4) {
    names.push_back(l.first ? add("c", state, read.c, false) : "");
    names.push_back(l.peepholes ? add("p", {d, 3 * n}, read.p, true) : "");
  }
  std::vector<Message> attributes{int_attribute("hidden_size", n),
                                  text_attribute("direction", l.direction)};
  if (l.gates() == 3) attributes.push_back(int_attribute("linear_before_reset", l.reset_last));
  graph.add(node(l.op, names, {"y"}, attributes)).output("y", {-1, -1, -1, -1});
  const auto model = load(graph, {.threads = 2});
  ASSERT_TRUE(model.ok()) << model.error();
  for (int again = 0; again < 2; ++again) {  // the second run meets the first one's memory
    const auto outputs = (*model)->run(inputs);
    ASSERT_TRUE(outputs.ok()) << outputs.error();
    EXPECT_LT(largest_difference((*outputs)[0].elements<float>(), reference(l, read)), 2e-6);
  }
}

INSTANTIATE_TEST_SUITE_P(
    Layers, Recurrent,
    ::testing::Values(
        Layer{"Lstm"}, Layer{.name = "LstmBothWays", .hidden = 70, .direction = "bidirectional"},
        Layer{.name = "LstmReverse", .batch = 5, .direction = "reverse", .first = true},
        Layer{.name = "LstmPeepholes", .batch = 2, .hidden = 17, .first = true, .peepholes = true},
        Layer{
            .name = "LstmLengths", .batch = 3, .direction = "bidirectional", .lengths = {5, 0, 2}},
        Layer{.name = "LstmComputed", .batch = 2, .direction = "bidirectional", .computed = true},
        Layer{.name = "LstmWide", .steps = 2, .batch = 6, .hidden = 300},
        Layer{.name = "LstmWithoutBias", .bias = false},
        Layer{.name = "Gru", .op = "GRU", .batch = 4, .hidden = 33},
        Layer{
            .name = "GruResetLast", .op = "GRU", .direction = "bidirectional", .reset_last = true},
        Layer{.name = "GruComputed", .op = "GRU", .bias = false, .first = true, .computed = true},
        Layer{.name = "GruLengths",
              .op = "GRU",
              .batch = 2,
              .direction = "reverse",
              .reset_last = true,
              .lengths = {3, 5}},
        Layer{.name = "Rnn", .op = "RNN", .batch = 2, .direction = "bidirectional", .first = true}),
    [](const auto& test) { return test.param.name; });

struct Wrong {
  const char* name;
  Shape w, r, b;
};
class WrongWeights : public ::testing::TestWithParam<Wrong> {};

TEST_P(WrongWeights, AreRefused) {
  const auto filled = [](const Shape& shape) { return Floats(element_count(shape).value(), 0.5F); };
  GraphBuilder graph;
  graph.input("x", {2, 1, 3}).output("y", {-1, -1, -1, -1});
  graph.weights("w", GetParam().w, filled(GetParam().w));
  graph.weights("r", GetParam().r, filled(GetParam().r));
  graph.weights("b", GetParam().b, filled(GetParam().b));
  graph.add(node("LSTM", {"x", "w", "r", "b"}, {"y"}, {int_attribute("hidden_size", 2)}));
  const auto model = load(graph);
  ASSERT_FALSE(model.ok());
  EXPECT_EQ(model.error().code, ErrorCode::Malformed);
}

INSTANTIATE_TEST_SUITE_P(Lstm, WrongWeights,
                         ::testing::Values(Wrong{"OtherInput", {1, 8, 4}, {1, 8, 2}, {1, 16}},
                                           Wrong{"OtherGates", {1, 6, 3}, {1, 8, 2}, {1, 16}},
                                           Wrong{"OtherState", {1, 8, 3}, {1, 8, 3}, {1, 16}},
                                           Wrong{"TwoDirections", {2, 8, 3}, {2, 8, 2}, {2, 16}},
                                           Wrong{"ShortBias", {1, 8, 3}, {1, 8, 2}, {1, 8}}),
                         [](const auto& test) { return test.param.name; });

}  // namespace
}  // namespace torchkeep::runtime::testing
