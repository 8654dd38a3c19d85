#pragma once

#include "tests/runtime/node_case.h"
#include "tests/runtime/optimise/passes.h"

namespace torchkeep::runtime::testing {

/// A quantised graph in the making. Scales are parameters; or inputs, so that nothing is recognised
/// and the standard's own nodes run.
class Quantised {
 public:
  explicit Quantised(bool known, unsigned seed = 1) : known_(known), random_(seed) {}

  GraphBuilder& graph() { return graph_; }
  std::vector<Tensor>& inputs() { return inputs_; }
  std::mt19937& random() { return random_; }

  Quantised& input(const std::string& name, const Shape& shape) {
    graph_.input(name, shape);
    inputs_.push_back(random_tensor(shape, random_));
    return *this;
  }
  Quantised& scale(const std::string& name, const std::vector<float>& values) {
    const Shape shape = values.size() == 1 ? Shape{} : Shape{std::ssize(values)};
    return put(name, shape, values);
  }
  Quantised& zero(const std::string& name, DataType type, int value, std::int64_t count = 0) {
    const Shape shape = count == 0 ? Shape{} : Shape{count};
    graph_.initializer(
        name, type, shape,
        std::vector<std::uint8_t>(static_cast<std::size_t>(std::max<std::int64_t>(count, 1)),
                                  static_cast<std::uint8_t>(value)));
    return *this;
  }
  /// `to` = the numbers of `from`, whose scale is to-s and whose zero point to-z.
  Quantised& quantise(const std::string& from, const std::string& to, float scale_value,
                      DataType type = DataType::UInt8, int zero_value = 0) {
    scale(to + "-s", {scale_value}).zero(to + "-z", type, zero_value);
    return add(node("QuantizeLinear", {from, to + "-s", to + "-z"}, {to}));
  }
  Quantised& dequantise(const std::string& from, const std::string& to) {
    return dequantise_as(from, from, to);
  }
  /// With the scale and the zero point of `like`.
  Quantised& dequantise_as(const std::string& from, const std::string& like,
                           const std::string& to) {
    return add(node("DequantizeLinear", {from, like + "-s", like + "-z"}, {to}));
  }
  /// Weights `name` of 8 bits, dequantised as name-f, with as many scales.
  Quantised& weights(const std::string& name, const Shape& shape, std::int64_t scales,
                     std::int64_t axis, DataType type = DataType::Int8, int zero_value = 0) {
    numbers(name, shape, type);
    std::vector<float> each;
    for (std::int64_t i = 0; i < std::max<std::int64_t>(scales, 1); ++i)
      each.push_back(0.002F + 0.0005F * static_cast<float>(i));
    scale(name + "-s", each).zero(name + "-z", type, zero_value, each.size() == 1 ? 0 : scales);
    return add(node("DequantizeLinear", {name, name + "-s", name + "-z"}, {name + "-f"},
                    {int_attribute("axis", axis)}));
  }
  /// Any 8 bit numbers, or those that are `mask` of them less `less`; or any of 4 bits.
  Quantised& numbers(const std::string& name, const Shape& shape, DataType type,
                     unsigned mask = 255, unsigned less = 0) {
    std::vector<std::uint8_t> all(byte_count(type, shape).value());
    for (auto& number : all) number = static_cast<std::uint8_t>((random_() & mask) - less);
    graph_.initializer(name, type, shape, all);
    return *this;
  }
  /// Scales of any shape.
  Quantised& scales(const std::string& name, const Shape& shape) {
    std::vector<float> values(element_count(shape).value());
    for (float& value : values) value = 0.002F + 0.00001F * static_cast<float>(random_() % 200);
    return put(name, shape, values);
  }
  Quantised& bias(const std::string& name, std::int64_t count) {
    graph_.random_weights(name, {count}, 1, random_);
    return *this;
  }
  Quantised& output(const std::string& name, std::size_t rank, DataType type = DataType::UInt8) {
    graph_.output(name, Shape(rank, -1), type);
    return *this;
  }
  Quantised& add(const Message& message) {
    graph_.add(message);
    return *this;
  }

 private:
  /// As a constant or, where nothing is to be known, as an input.
  Quantised& put(const std::string& name, const Shape& shape, const std::vector<float>& values) {
    if (known_) {
      graph_.weights(name, shape, values);
    } else {
      graph_.input(name, shape);
      inputs_.push_back(tensor<float>(shape, values));
    }
    return *this;
  }

  bool known_;
  std::mt19937 random_;
  GraphBuilder graph_;
  std::vector<Tensor> inputs_;
};

using Make = std::function<void(Quantised&)>;

/// What the optimiser makes of quantised graphs, and what they answer.
class QuantisedModels : public Passes {
 protected:
  std::vector<std::string> recognised(const Make& make) {
    Quantised quantised(true);
    make(quantised);
    graph::Graph graph = check(quantised.graph());
    const Pool::Run threads(pool_);
    EXPECT_TRUE(optimise::optimise(graph, machine_, pool_, 1 << 24).ok());
    return operators(graph);
  }
  struct Answers {
    std::vector<Tensor> outputs;
    std::uint64_t parameter_bytes = 0;
  };
  /// `known`: whether scales are parameters. Empty, and a failed test, where it cannot run.
  static Answers answers(const Make& make, bool known, std::int64_t opset) {
    Quantised quantised(known);
    make(quantised);
    const auto model = load(quantised.graph().payload(opset), {.threads = 2});
    if (!model.ok()) {
      ADD_FAILURE() << model.error();
      return {};
    }
    auto outputs = (*model)->run(quantised.inputs());
    if (!outputs.ok()) {
      ADD_FAILURE() << outputs.error();
      return {};
    }
    return {std::move(outputs).value(), (*model)->parameter_bytes()};
  }

 private:
  dnn::Machine machine_;
  Pool pool_{1};
};

}  // namespace torchkeep::runtime::testing
