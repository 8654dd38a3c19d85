#pragma once

#include "tests/runtime/graph_builder.h"
#include "tests/runtime/plain.h"

/// Valid graphs of chance, whose answers the plain definitions know: what is wrong with them is the
/// optimiser's, the planner's or a kernel's fault.
namespace torchkeep::runtime::testing {

/// Takes decisions from bytes; decides for 0 when there are none left.
class Chooser {
 public:
  explicit Chooser(ByteView bytes) : left_(bytes) {}
  bool is_done() const { return left_.empty(); }
  /// Below `count`.
  std::size_t below(std::size_t count) {
    if (left_.empty()) return 0;
    const std::size_t value = left_.front() % count;
    left_ = left_.subspan(1);
    return value;
  }
  std::int64_t between(std::int64_t least, std::int64_t most) {
    return least + static_cast<std::int64_t>(below(static_cast<std::size_t>(most - least + 1)));
  }
  bool yes() { return below(2) == 1; }

 private:
  ByteView left_;
};

/// The graph that some bytes decide upon, made node by node; each tensor is computed at once, in
/// float32 and in float64. What the two differ by tells how much rounding may matter.
class RandomGraph {
 public:
  explicit RandomGraph(ByteView decisions) : choose_(decisions), random_(7) {
    const std::size_t inputs = 1 + choose_.below(2);
    for (std::size_t i = 0; i < inputs; ++i) add_input("in" + std::to_string(i), choose_shape());
    while (!choose_.is_done() && nodes_ < kMostNodes) add_something();
    choose_outputs();
  }

  const GraphBuilder& graph() const { return graph_; }
  const std::vector<Tensor>& inputs() const { return inputs_; }
  /// Empty if the engine's answers are those of the definitions; else what is not.
  std::string find_difference(const std::vector<Tensor>& answers) const;

 private:
  static constexpr std::size_t kMostNodes = 24;
  static constexpr std::int64_t kMostElements = 4096;
  static constexpr double kLargest = 30;  // numbers beyond are bent back: products of products grow

  struct Value {
    std::string name;
    Plain<float> rounded;
    Plain<double> exact;
    bool from_inputs = true;
    const Shape& shape() const { return exact.shape; }
  };
  using Names = std::vector<std::string>;

  Value& recent() {
    return values_[values_.size() - 1 - choose_.below(std::min<std::size_t>(values_.size(), 5))];
  }
  Shape choose_shape();
  void add_input(const std::string& name, const Shape& shape);
  Value constant(const Shape& shape, float scale = 0.5F);
  Value scalar(float value);

  /// Adds a node whose result is `f` of the precise and of the rounded numbers.
  template <typename F>
  Value node_of(std::string_view op, const Names& inputs, const std::vector<Message>& attributes,
                F f) {
    Value out{"v" + std::to_string(nodes_++), f(float{}), f(double{}), true};
    graph_.add(node(op, inputs, {out.name}, attributes, "/" + out.name));
    return out;
  }
  template <typename F>
  Value map_of(std::string_view op, const Value& x, F f, const std::vector<Message>& a = {}) {
    return node_of(op, {x.name}, a, [&](auto type) { return plain_map(of(x, type), f); });
  }
  template <typename F>
  Value zip_of(std::string_view op, const Value& a, const Value& b, F f) {
    return node_of(op, {a.name, b.name}, {},
                   [&](auto type) { return plain_zip(of(a, type), of(b, type), f); });
  }
  static const Plain<float>& of(const Value& x, float) { return x.rounded; }
  static const Plain<double>& of(const Value& x, double) { return x.exact; }
  static Plain<float> reshaped(const Plain<float>& x, const Shape& s) { return {s, x.values}; }
  static Plain<double> reshaped(const Plain<double>& x, const Shape& s) { return {s, x.values}; }

  Value add(const Value& a, const Value& b) { return zip_of("Add", a, b, std::plus<>()); }
  Value multiply(const Value& a, const Value& b) {
    return zip_of("Mul", a, b, std::multiplies<>());
  }
  Value multiply_matrices(const Value& a, const Value& b) {
    return node_of("MatMul", {a.name, b.name}, {},
                   [&](auto type) { return plain_mat_mul(of(a, type), of(b, type)); });
  }
  Value transposed(const Value& x, const Shape& order) {
    return node_of("Transpose", {x.name}, {ints_attribute("perm", order)},
                   [&](auto type) { return plain_transpose(of(x, type), order); });
  }
  Value with_shape(const Value& x, const Shape& shape);
  Value softmax(const Value& x, std::size_t axis) {
    return node_of("Softmax", {x.name}, {int_attribute("axis", static_cast<std::int64_t>(axis))},
                   [&](auto type) { return plain_softmax(of(x, type), axis); });
  }
  Value mean(const Value& x, std::size_t axis) {
    return node_of("ReduceMean", {x.name},
                   {ints_attribute("axes", {static_cast<std::int64_t>(axis)})},
                   [&](auto type) { return plain_mean(of(x, type), axis); });
  }

  void keep(Value value);
  Value activated(const Value& x);
  void add_something();
  void add_arithmetic();
  void add_product();
  void add_convolution();
  void add_pool();
  void add_movement();
  void add_reduction();
  void add_normalisation();
  void add_curve();
  void add_attention();
  void choose_outputs();

  Chooser choose_;
  std::mt19937 random_;  // for numbers, which decide nothing
  GraphBuilder graph_;
  std::vector<Value> values_;
  std::vector<std::size_t> outputs_;
  std::vector<Tensor> inputs_;
  std::size_t nodes_ = 0, constants_ = 0;
};

inline Shape RandomGraph::choose_shape() {
  static const Shape kShapes[] = {{2, 3, 8, 8}, {1, 8, 5, 5}, {4, 6},       {1, 16}, {2, 5, 8},
                                  {1, 7, 16},   {3, 4, 1},    {1, 4, 6, 6}, {17},    {1, 1, 9, 3}};
  return kShapes[choose_.below(std::size(kShapes))];
}

inline void RandomGraph::add_input(const std::string& name, const Shape& shape) {
  Tensor given = random_tensor(shape, random_);
  const auto numbers = given.elements<float>();
  values_.push_back({name,
                     {shape, {numbers.begin(), numbers.end()}},
                     {shape, {numbers.begin(), numbers.end()}},
                     true});
  // A batch alone is tried at loading, and these graphs take one size only.
  graph_.input(name, choose_.yes() && shape.size() > 1 ? Shape(shape.size(), -1) : shape);
  inputs_.push_back(std::move(given));
}

inline RandomGraph::Value RandomGraph::constant(const Shape& shape, float scale) {
  const std::string name = "c" + std::to_string(constants_++);
  const auto numbers = graph_.random_weights(name, shape, scale, random_);
  return {name, {shape, numbers}, {shape, {numbers.begin(), numbers.end()}}, false};
}

inline RandomGraph::Value RandomGraph::scalar(float value) {
  const std::string name = "c" + std::to_string(constants_++);
  graph_.weights(name, {}, {value});
  return {name, {{}, {value}}, {{}, {value}}, false};
}

/// Makes a result an operand of later nodes, and bends back what grew too large.
inline void RandomGraph::keep(Value value) {
  const auto large = [](double x) { return std::abs(x) > kLargest; };
  if (std::ranges::any_of(value.exact.values, large)) {
    if (choose_.yes()) {
      value = map_of("Tanh", value, [](auto x) { return std::tanh(x); });
    } else {
      const Value low = scalar(-6), high = scalar(6);
      value = node_of("Clip", {value.name, low.name, high.name}, {}, [&, from = value](auto type) {
        return plain_map(of(from, type),
                         []<typename T>(T x) { return std::clamp(x, T{-6}, T{6}); });
      });
    }
  }
  values_.push_back(std::move(value));
}

inline RandomGraph::Value RandomGraph::with_shape(const Value& x, const Shape& shape) {
  const std::string name = "s" + std::to_string(constants_++);
  graph_.add(constant_node(name, shape));
  return node_of("Reshape", {x.name, name}, {},
                 [&](auto type) { return reshaped(of(x, type), shape); });
}

/// The last value, and one or two on the way, which keeps passes from taking them out.
inline void RandomGraph::choose_outputs() {
  if (nodes_ == 0) keep(map_of("Identity", values_.back(), [](auto v) { return v; }));
  std::vector<std::size_t> made;
  for (std::size_t i = inputs_.size(); i < values_.size(); ++i) made.push_back(i);
  outputs_ = {made.back()};
  for (std::size_t i = choose_.below(3); i > 0; --i) {
    const std::size_t more = made[choose_.below(made.size())];
    if (std::ranges::find(outputs_, more) == outputs_.end()) outputs_.push_back(more);
  }
  for (const std::size_t i : outputs_)
    graph_.output(values_[i].name, Shape(values_[i].shape().size(), -1));
}

inline std::string RandomGraph::find_difference(const std::vector<Tensor>& answers) const {
  constexpr double kRelative = 1e-4;  // of the largest number
  constexpr double kRounding = 30;    // times what rounding each result to float32 made
  constexpr double kLost = 0.05;      // a rounding of so much of the largest number tells nothing
  for (std::size_t k = 0; k < outputs_.size(); ++k) {
    const Value& wanted = values_[outputs_[k]];
    if (answers[k].shape != wanted.shape())
      return wanted.name + " has shape " + describe(answers[k].shape) + ", wanted is " +
             describe(wanted.shape());
    double largest = 1e-3, rounding = 0;
    for (std::size_t i = 0; i < wanted.exact.values.size(); ++i) {
      largest = std::max(largest, std::abs(wanted.exact.values[i]));
      rounding =
          std::max(rounding, std::abs(wanted.exact.values[i] - double{wanted.rounded.values[i]}));
    }
    const double allowed = kRelative * largest + kRounding * rounding;
    if (allowed > kLost * largest) continue;
    for (std::size_t i = 0; i < wanted.exact.values.size(); ++i) {
      const double found = answers[k].elements<float>()[i];
      if (!(std::abs(found - wanted.exact.values[i]) <= allowed))
        return wanted.name + "[" + std::to_string(i) + "] is " + std::to_string(found) +
               ", wanted is " + std::to_string(wanted.exact.values[i]) + " within " +
               std::to_string(allowed);
    }
  }
  return {};
}

}  // namespace torchkeep::runtime::testing

