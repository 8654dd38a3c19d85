#pragma once

#include "tests/runtime/random_graph.h"

/// What a RandomGraph adds: single operators, and the groups of them that exporters write and the
/// optimiser knows, with near misses among them.
namespace torchkeep::runtime::testing {

inline RandomGraph::Value RandomGraph::activated(const Value& x) {
  switch (choose_.below(6)) {
    case 0: return map_of("Relu", x, []<typename T>(T v) { return std::max(v, T{0}); });
    case 1:
      return map_of("Sigmoid", x, []<typename T>(T v) { return T{1} / (T{1} + std::exp(-v)); });
    case 2: return map_of("Tanh", x, [](auto v) { return std::tanh(v); });
    case 3:
      return map_of("HardSwish", x,
                    []<typename T>(T v) { return v * std::clamp(v / T{6} + T{0.5}, T{0}, T{1}); });
    case 4:
      return map_of("LeakyRelu", x, []<typename T>(T v) { return v < 0 ? v * T(0.1F) : v; },
                    {float_attribute("alpha", 0.1F)});
    default: return map_of("Erf", x, [](auto v) { return std::erf(v); });
  }
}

inline void RandomGraph::add_arithmetic() {
  const Value a = recent();
  Value b = recent();
  const auto together = broadcast_shape(a.shape(), b.shape());
  if (!together || count_of(*together) > kMostElements || choose_.below(4) == 0) {
    Shape shape = a.shape();
    switch (choose_.below(4)) {
      case 0: shape.clear(); break;
      case 1: shape = {shape.back()}; break;
      case 2:
        if (shape.size() == 4) shape = {shape[1], 1, 1};
        break;
      default: break;
    }
    b = shape.empty() ? scalar(0.75F) : constant(shape);
  }
  switch (choose_.below(5)) {
    case 0: return keep(add(a, b));
    case 1: return keep(multiply(a, b));
    case 2: return keep(zip_of("Sub", a, b, std::minus<>()));
    case 3: return keep(zip_of("Max", a, b, [](auto x, auto y) { return std::max(x, y); }));
    default: return keep(zip_of("Sub", b, a, std::minus<>()));
  }
}

inline void RandomGraph::add_product() {
  const Value x = recent();
  if (x.shape().size() < 2) return keep(activated(x));
  const std::int64_t columns = choose_.between(1, 2) == 1 ? choose_.between(1, 9) : 16;
  const std::int64_t rows = x.shape().back();
  if (x.shape().size() == 2 && choose_.yes()) {
    const bool turned = choose_.yes(), biased = choose_.yes();
    const float alpha = choose_.below(3) == 0 ? 0.5F : 1.0F;
    const Value w = constant(turned ? Shape{columns, rows} : Shape{rows, columns});
    const Value bias = constant({columns});
    Names names{x.name, w.name};
    if (biased) names.push_back(bias.name);
    return keep(
        node_of("Gemm", names, {int_attribute("transB", turned), float_attribute("alpha", alpha)},
                [&]<typename T>(T type) {
                  auto by = turned ? plain_transpose(of(w, type), {1, 0}) : of(w, type);
                  auto product = plain_map(plain_mat_mul(of(x, type), by),
                                           [=](T v) { return v * static_cast<T>(alpha); });
                  return biased ? plain_zip(product, of(bias, type), std::plus<>()) : product;
                }));
  }
  Value product = multiply_matrices(x, constant({rows, columns}));
  if (choose_.yes())
    product = choose_.yes() ? add(product, constant({columns})) : add(constant({columns}), product);
  if (choose_.yes()) product = activated(product);
  if (choose_.yes()) product = multiply(product, scalar(0.25F));
  keep(std::move(product));
}

inline void RandomGraph::add_convolution() {
  const Value x = recent();
  if (x.shape().size() != 4) return add_product();
  const std::int64_t channels = x.shape()[1], least = std::min(x.shape()[2], x.shape()[3]);
  PlainWindow window;
  window.height = window.width = std::min<std::int64_t>(least, choose_.yes() ? 1 : 3);
  window.pad = window.height == 3 ? choose_.between(0, 1) : 0;
  window.stride = choose_.between(1, 2);
  const bool deep = choose_.below(3) == 0;
  window.groups = deep ? channels : 1;
  const std::int64_t filters = deep ? channels : choose_.yes() ? channels : choose_.between(1, 16);
  const Value w = constant({filters, channels / window.groups, window.height, window.width});
  const Value bias = constant({filters});
  const bool biased = choose_.yes();
  Names names{x.name, w.name};
  if (biased) names.push_back(bias.name);
  Value y =
      node_of("Conv", names,
              {ints_attribute("strides", {window.stride, window.stride}),
               ints_attribute("pads", Shape(4, window.pad)), int_attribute("group", window.groups)},
              [&](auto type) {
                auto out = plain_conv(of(x, type), of(w, type), window);
                if (!biased) return out;
                return plain_zip(out, reshaped(of(bias, type), {filters, 1, 1}), std::plus<>());
              });
  if (choose_.yes()) {
    const Value scale = constant({filters}), shift = constant({filters}),
                middle = constant({filters});
    const std::string name = "c" + std::to_string(constants_++);
    graph_.weights(name, {filters}, std::vector<float>(static_cast<std::size_t>(filters), 0.5F));
    y = node_of("BatchNormalization", {y.name, scale.name, shift.name, middle.name, name}, {},
                [&, from = y]<typename T>(T type) {
                  const Shape across{filters, 1, 1};
                  const T spread = std::sqrt(T{0.5} + static_cast<T>(1e-5F));
                  auto around = plain_zip(of(from, type), reshaped(of(middle, type), across),
                                          [=](T v, T m) { return (v - m) / spread; });
                  auto scaled =
                      plain_zip(around, reshaped(of(scale, type), across), std::multiplies<>());
                  return plain_zip(scaled, reshaped(of(shift, type), across), std::plus<>());
                });
  }
  if (choose_.yes()) y = activated(y);
  if (choose_.yes() && y.shape() == x.shape()) y = choose_.yes() ? add(y, x) : add(x, y);
  if (choose_.below(3) == 0) y = activated(y);
  keep(std::move(y));
}

inline void RandomGraph::add_pool() {
  const Value x = recent();
  if (x.shape().size() != 4) return add_movement();
  if (choose_.below(3) == 0) {
    return keep(node_of("GlobalAveragePool", {x.name}, {},
                        [&](auto type) { return plain_mean(plain_mean(of(x, type), 3), 2); }));
  }
  PlainWindow window;
  window.height = std::min<std::int64_t>(x.shape()[2], choose_.between(1, 3));
  window.width = std::min<std::int64_t>(x.shape()[3], choose_.between(1, 3));
  window.stride = choose_.between(1, 2);
  window.pad = window.height == 3 && window.width == 3 ? choose_.between(0, 1) : 0;
  const bool largest = choose_.yes(), padded = choose_.yes();
  std::vector<Message> attributes{ints_attribute("kernel_shape", {window.height, window.width}),
                                  ints_attribute("strides", {window.stride, window.stride}),
                                  ints_attribute("pads", Shape(4, window.pad))};
  if (!largest) attributes.push_back(int_attribute("count_include_pad", padded));
  keep(node_of(largest ? "MaxPool" : "AveragePool", {x.name}, attributes,
               [&](auto type) { return plain_pool(of(x, type), window, largest, padded); }));
}

/// What only moves elements.
inline void RandomGraph::add_movement() {
  const Value x = recent();
  const std::size_t dimensions = x.shape().size();
  const std::size_t axis = choose_.below(dimensions);
  switch (choose_.below(5)) {
    case 0: {
      Shape order(dimensions);
      std::iota(order.begin(), order.end(), 0);
      for (std::size_t i = dimensions; i > 1; --i) std::swap(order[i - 1], order[choose_.below(i)]);
      return keep(transposed(x, order));
    }
    case 1: {
      Shape shape = x.shape();
      if (choose_.yes() && shape.size() > 1) {
        const std::int64_t last = shape.back();
        shape.pop_back();
        shape.back() *= last;
      } else if (shape.size() < 4) {
        shape.insert(shape.begin() + static_cast<std::ptrdiff_t>(axis), 1);
      }
      return keep(with_shape(x, shape));
    }
    case 2: {
      Value other = recent();
      Shape rest = other.shape(), wanted = x.shape();
      if (rest.size() == wanted.size()) rest[axis] = wanted[axis] = 1;
      if (rest != wanted) other = choose_.yes() ? x : constant(x.shape());
      if (count_of(x.shape()) + count_of(other.shape()) > kMostElements) return keep(activated(x));
      return keep(node_of(
          "Concat", {x.name, other.name}, {int_attribute("axis", static_cast<std::int64_t>(axis))},
          [&](auto type) { return plain_concat(of(x, type), of(other, type), axis); }));
    }
    case 3: {
      const std::int64_t size = x.shape()[axis], step = choose_.between(1, 2);
      const std::int64_t start = choose_.between(0, size - 1);
      const std::int64_t count = (size - start + step - 1) / step;
      const std::string stem = "s" + std::to_string(constants_++);
      const std::int64_t numbers[] = {start, size, static_cast<std::int64_t>(axis), step};
      Names names{x.name};
      for (std::size_t i = 0; i < 4; ++i) {
        names.push_back(stem + "_" + std::to_string(i));
        graph_.add(constant_node(names.back(), {numbers[i]}));
      }
      return keep(node_of("Slice", names, {}, [&](auto type) {
        return plain_slice(of(x, type), axis, start, step, count);
      }));
    }
    default: return keep(map_of("Identity", x, [](auto v) { return v; }));
  }
}

inline void RandomGraph::add_reduction() {
  const Value x = recent();
  const std::size_t axis = choose_.below(x.shape().size());
  switch (choose_.below(3)) {
    case 0: return keep(softmax(x, axis));
    case 1: return keep(mean(x, axis));
    default:
      return keep(node_of("ReduceMax", {x.name},
                          {ints_attribute("axes", {static_cast<std::int64_t>(axis)})},
                          [&]<typename T>(T type) {
                            return plain_fold(of(x, type), axis, std::numeric_limits<T>::lowest(),
                                              [](T a, T b) { return std::max(a, b); });
                          }));
  }
}

/// Layer normalisation: the operator, or written out as exporters did before there was one.
inline void RandomGraph::add_normalisation() {
  const Value x = recent();
  const std::int64_t width = x.shape().back();
  const Value scale = constant({width}), shift = constant({width});
  if (choose_.yes()) {
    return keep(node_of("LayerNormalization", {x.name, scale.name, shift.name},
                        {float_attribute("epsilon", 0.01F)}, [&](auto type) {
                          auto scaled = plain_zip(plain_normalise(of(x, type), double{0.01F}),
                                                  of(scale, type), std::multiplies<>());
                          return plain_zip(scaled, of(shift, type), std::plus<>());
                        }));
  }
  const std::size_t last = x.shape().size() - 1;
  const Value around = zip_of("Sub", x, mean(x, last), std::minus<>());
  const Value variance =
      mean(zip_of("Pow", around, scalar(2), [](auto v, auto p) { return std::pow(v, p); }), last);
  const Value root =
      map_of("Sqrt", add(variance, scalar(0.01F)), [](auto v) { return std::sqrt(v); });
  keep(add(multiply(zip_of("Div", around, root, std::divides<>()), scale), shift));
}

/// GELU and SiLU as exporters write them out, and near misses.
inline void RandomGraph::add_curve() {
  const Value x = recent();
  if (choose_.yes()) {
    const Value gate = map_of("Sigmoid", choose_.below(4) == 0 ? recent() : x,
                              []<typename T>(T v) { return T{1} / (T{1} + std::exp(-v)); });
    if (!broadcast_shape(x.shape(), gate.shape())) return keep(gate);
    return keep(choose_.yes() ? multiply(x, gate) : multiply(gate, x));
  }
  const Value inner = map_of("Erf", zip_of("Div", x, scalar(std::sqrt(2.0F)), std::divides<>()),
                             [](auto v) { return std::erf(v); });
  const Value raised = add(inner, scalar(choose_.below(4) == 0 ? 0.5F : 1.0F));
  keep(multiply(multiply(x, raised), scalar(0.5F)));
}

/// softmax(q times k turned, scaled) times v, over heads, of one tensor.
inline void RandomGraph::add_attention() {
  const Value x = recent();
  if (x.shape().size() != 3 || x.shape()[1] > 32) return add_normalisation();
  const std::int64_t batch = x.shape()[0], length = x.shape()[1], width = x.shape()[2];
  const std::int64_t heads = choose_.between(1, 2), each = choose_.between(1, 9);
  const auto headed = [&](const Shape& order) {
    const Value flat = multiply_matrices(x, constant({width, heads * each}));
    return transposed(with_shape(flat, {batch, length, heads, each}), order);
  };
  const Value q = headed({0, 2, 1, 3});
  const Value k =
      choose_.yes() ? headed({0, 2, 3, 1}) : transposed(headed({0, 2, 1, 3}), {0, 1, 3, 2});
  const Value v = headed({0, 2, 1, 3});
  Value scores = multiply_matrices(q, k);
  if (choose_.below(4) != 0) scores = multiply(scores, scalar(0.5F));
  if (choose_.yes()) scores = add(scores, constant({length, length}));
  const std::size_t axis = choose_.below(8) == 0 ? 2 : 3;
  const Value shares = softmax(scores, axis);
  const Value seen = transposed(multiply_matrices(shares, v), {0, 2, 1, 3});
  if (choose_.below(8) == 0) values_.push_back(shares);  // may be read by others
  keep(with_shape(seen, {batch, length, heads * each}));
}

inline void RandomGraph::add_something() {
  if (count_of(values_.back().shape()) > kMostElements) return add_reduction();
  switch (choose_.below(10)) {
    case 0: return keep(activated(recent()));
    case 1: return add_arithmetic();
    case 2: return add_product();
    case 3: return add_convolution();
    case 4: return add_pool();
    case 5: return add_movement();
    case 6: return add_reduction();
    case 7: return add_normalisation();
    case 8: return add_curve();
    default: return add_attention();
  }
}

}  // namespace torchkeep::runtime::testing
