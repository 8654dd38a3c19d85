#pragma once

#include <array>

#include "torchkeep/runtime/dnn/dnn.h"

#include "tests/runtime/answers.h"

/// Convolutions for the tests of loops that compute them.
namespace torchkeep::runtime::testing {

/// A convolution of some spatial dimensions, and its answers by the definition.
struct Picture {
  Shape input, weights;
  std::vector<std::int64_t> strides, dilations, pads;  ///< Pads: all begins, then all ends.
};

/// A picture for windows of 3 by 3.
inline Picture picture(Shape input, std::int64_t outputs,
                       std::vector<std::int64_t> pads = {1, 1, 1, 1}) {
  Shape weights{outputs, input[1], 3, 3};
  return {std::move(input), std::move(weights), {1, 1}, {1, 1}, std::move(pads)};
}

inline std::vector<Message> attributes_of(const Picture& p) {
  return {ints_attribute("strides", p.strides), ints_attribute("dilations", p.dilations),
          ints_attribute("pads", p.pads)};
}

/// Sizes and steps in three dimensions.
inline std::array<std::int64_t, 3> in_space(std::span<const std::int64_t> sizes,
                                            std::int64_t missing) {
  std::array<std::int64_t, 3> all;
  all.fill(missing);
  std::ranges::copy(sizes, all.end() - static_cast<std::ptrdiff_t>(sizes.size()));
  return all;
}

inline Shape output_of(const Picture& p) {
  Shape output{p.input[0], p.weights[0]};
  const std::size_t dims = p.strides.size();
  for (std::size_t d = 0; d < dims; ++d) {
    const std::int64_t padded = p.input[2 + d] + p.pads[d] + p.pads[dims + d];
    output.push_back((padded - p.dilations[d] * (p.weights[2 + d] - 1) - 1) / p.strides[d] + 1);
  }
  return output;
}

inline std::vector<float> convolve(const Picture& p, std::span<const float> x,
                                   std::span<const float> w, std::span<const float> bias) {
  const Shape shape = output_of(p);
  const auto in = in_space(std::span(p.input).subspan(2), 1),
             out = in_space(std::span(shape).subspan(2), 1),
             window = in_space(std::span(p.weights).subspan(2), 1), steps = in_space(p.strides, 1),
             gaps = in_space(p.dilations, 1),
             pads = in_space(std::span(p.pads).first(p.strides.size()), 0);
  std::vector<float> to;
  const auto size = [](const std::array<std::int64_t, 3>& s) { return s[0] * s[1] * s[2]; };
  for (std::int64_t image = 0; image < shape[0] * shape[1]; ++image) {
    const std::int64_t n = image / shape[1], f = image % shape[1];
    for (std::int64_t place = 0; place < size(out); ++place) {
      double sum = double{bias[static_cast<std::size_t>(f)]};
      for (std::int64_t look = 0; look < size(window); ++look) {
        const std::array<std::int64_t, 3> at{place / (out[1] * out[2]), place / out[2] % out[1],
                                             place % out[2]},
            within{look / (window[1] * window[2]), look / window[2] % window[1], look % window[2]};
        std::int64_t from = 0;
        bool inside = true;
        for (std::size_t d = 0; d < 3; ++d) {
          const std::int64_t index = at[d] * steps[d] + within[d] * gaps[d] - pads[d];
          inside = inside && index >= 0 && index < in[d];
          from = from * in[d] + index;
        }
        for (std::int64_t c = 0; inside && c < p.input[1]; ++c)
          sum += double{x[static_cast<std::size_t>((n * p.input[1] + c) * size(in) + from)]} *
                 double{w[static_cast<std::size_t>((f * p.input[1] + c) * size(window) + look)]};
      }
      to.push_back(static_cast<float>(sum));
    }
  }
  return to;
}

inline dnn::Convolution described(const Picture& p) {
  const auto dims = static_cast<std::ptrdiff_t>(p.strides.size());
  dnn::Convolution convolution;
  convolution.input = p.input;
  convolution.weights = p.weights;
  convolution.output = output_of(p);
  convolution.strides = p.strides;
  convolution.dilations = p.dilations;
  convolution.pads_begin.assign(p.pads.begin(), p.pads.begin() + dims);
  convolution.pads_end.assign(p.pads.begin() + dims, p.pads.end());
  return convolution;
}

/// A graph of it, alone and with what can follow it fused onto it, answers as the definition says.
inline void expect_as_defined(const Picture& p) {
  std::mt19937 random(5);
  GraphBuilder graph;
  const auto weights = graph.random_weights("w", p.weights, 0.1F, random);
  const auto bias = graph.random_weights("b", {p.weights[0]}, 1, random);
  const Shape shape = output_of(p);
  graph.input("x", p.input).input("r", shape);
  graph.output("y", Shape(shape.size(), -1)).output("z", Shape(shape.size(), -1));
  graph.add(node("Conv", {"x", "w", "b"}, {"y"}, attributes_of(p)));
  // The same weights once more, now with a sum and an activation.
  graph.add(node("Conv", {"x", "w", "b"}, {"c"}, attributes_of(p)));
  graph.add(node("Add", {"c", "r"}, {"s"})).add(node("Relu", {"s"}, {"z"}));
  const std::vector<Tensor> inputs =
      tensors(random_tensor(p.input, random), random_tensor(shape, random));
  const std::vector<float> wanted = convolve(p, inputs[0].elements<float>(), weights, bias);
  std::vector<float> sum = wanted;
  for (std::size_t i = 0; i < sum.size(); ++i)
    sum[i] = std::max(0.0F, sum[i] + inputs[1].elements<float>()[i]);
  expect_answers(graph, inputs, {wanted, sum}, 1e-4);
}

}  // namespace torchkeep::runtime::testing
