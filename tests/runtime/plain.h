#pragma once

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "torchkeep/runtime/tensor.h"

/// Operators as their definitions read, element by element, on numbers of any precision: what the
/// engine's answers to graphs of chance are compared with (random_graph.h).
namespace torchkeep::runtime::testing {

template <typename T>
struct Plain {
  Shape shape;
  std::vector<T> values;
};

using Index = std::vector<std::int64_t>;

inline std::int64_t count_of(const Shape& shape) {
  return std::accumulate(shape.begin(), shape.end(), std::int64_t{1}, std::multiplies<>());
}

/// The place of an index in row-major order. A dimension of 1 takes any index: broadcasting.
inline std::size_t place_of(const Shape& shape, std::span<const std::int64_t> index) {
  const std::size_t skipped = index.size() - shape.size();
  std::int64_t place = 0;
  for (std::size_t i = 0; i < shape.size(); ++i)
    place = place * shape[i] + (shape[i] == 1 ? 0 : index[skipped + i]);
  return static_cast<std::size_t>(place);
}

/// Calls `visit` with every index of a shape, in row-major order.
template <typename Visit>
void for_each_index(const Shape& shape, const Visit& visit) {
  Index index(shape.size(), 0);
  for (std::int64_t left = count_of(shape); left > 0; --left) {
    visit(index);
    for (std::size_t i = shape.size(); i-- > 0;) {
      if (++index[i] < shape[i]) break;
      index[i] = 0;
    }
  }
}

/// A tensor whose element at each index is `at(index)`.
template <typename T, typename At>
Plain<T> plain_of(const Shape& shape, const At& at) {
  Plain<T> out{shape, {}};
  for_each_index(shape, [&](const Index& index) { out.values.push_back(at(index)); });
  return out;
}

template <typename T, typename F>
Plain<T> plain_map(const Plain<T>& x, F f) {
  Plain<T> out{x.shape, {}};
  for (const T value : x.values) out.values.push_back(f(value));
  return out;
}

/// Empty if the two do not go together; a scalar's shape is a success too.
inline std::optional<Shape> broadcast_shape(const Shape& a, const Shape& b) {
  Shape out(std::max(a.size(), b.size()), 1);
  for (std::size_t i = 0; i < out.size(); ++i) {
    const std::int64_t left = i < a.size() ? a[a.size() - 1 - i] : 1;
    const std::int64_t right = i < b.size() ? b[b.size() - 1 - i] : 1;
    if (left != right && left != 1 && right != 1) return std::nullopt;
    out[out.size() - 1 - i] = std::max(left, right);
  }
  return out;
}

template <typename T, typename F>
Plain<T> plain_zip(const Plain<T>& a, const Plain<T>& b, F f) {
  return plain_of<T>(broadcast_shape(a.shape, b.shape).value(), [&](const Index& i) {
    return f(a.values[place_of(a.shape, i)], b.values[place_of(b.shape, i)]);
  });
}

/// [..., m, k] times [..., k, n]; both of two dimensions or more.
template <typename T>
Plain<T> plain_mat_mul(const Plain<T>& a, const Plain<T>& b) {
  const Shape outer_a(a.shape.begin(), a.shape.end() - 2);
  const Shape outer_b(b.shape.begin(), b.shape.end() - 2);
  Shape shape = broadcast_shape(outer_a, outer_b).value();
  shape.push_back(a.shape[a.shape.size() - 2]);
  shape.push_back(b.shape.back());
  return plain_of<T>(shape, [&](Index i) {
    const std::int64_t row = i[i.size() - 2], column = i.back();
    T sum = 0;
    for (std::int64_t k = 0; k < a.shape.back(); ++k) {
      i[i.size() - 2] = row, i.back() = k;
      const T left = a.values[place_of(a.shape, i)];
      i[i.size() - 2] = k, i.back() = column;
      sum += left * b.values[place_of(b.shape, i)];
    }
    return sum;
  });
}

template <typename T>
Plain<T> plain_transpose(const Plain<T>& x, const Shape& order) {
  Shape shape;
  for (const std::int64_t from : order) shape.push_back(x.shape[static_cast<std::size_t>(from)]);
  Index from(order.size());
  return plain_of<T>(shape, [&](const Index& i) {
    for (std::size_t k = 0; k < order.size(); ++k) from[static_cast<std::size_t>(order[k])] = i[k];
    return x.values[place_of(x.shape, from)];
  });
}

template <typename T>
Plain<T> plain_concat(const Plain<T>& a, const Plain<T>& b, std::size_t axis) {
  Shape shape = a.shape;
  shape[axis] += b.shape[axis];
  return plain_of<T>(shape, [&](Index i) {
    if (i[axis] < a.shape[axis]) return a.values[place_of(a.shape, i)];
    i[axis] -= a.shape[axis];
    return b.values[place_of(b.shape, i)];
  });
}

/// Every `step`th of a dimension from `start` on, `count` of them.
template <typename T>
Plain<T> plain_slice(const Plain<T>& x, std::size_t axis, std::int64_t start, std::int64_t step,
                     std::int64_t count) {
  Shape shape = x.shape;
  shape[axis] = count;
  return plain_of<T>(shape, [&](Index i) {
    i[axis] = start + step * i[axis];
    return x.values[place_of(x.shape, i)];
  });
}

/// Folds one dimension into 1: `fold(so far, next)` from `first` on.
template <typename T, typename F>
Plain<T> plain_fold(const Plain<T>& x, std::size_t axis, T first, F fold) {
  Shape shape = x.shape;
  shape[axis] = 1;
  return plain_of<T>(shape, [&](Index i) {
    T value = first;
    for (i[axis] = 0; i[axis] < x.shape[axis]; ++i[axis])
      value = fold(value, x.values[place_of(x.shape, i)]);
    return value;
  });
}

template <typename T>
Plain<T> plain_mean(const Plain<T>& x, std::size_t axis) {
  const T count = static_cast<T>(x.shape[axis]);
  return plain_map(plain_fold(x, axis, T{0}, std::plus<>()), [=](T sum) { return sum / count; });
}

template <typename T>
Plain<T> plain_softmax(const Plain<T>& x, std::size_t axis) {
  const auto largest = plain_fold(x, axis, std::numeric_limits<T>::lowest(),
                                  [](T a, T b) { return std::max(a, b); });
  const auto raised = plain_zip(x, largest, [](T a, T b) { return std::exp(a - b); });
  return plain_zip(raised, plain_fold(raised, axis, T{0}, std::plus<>()), std::divides<>());
}

/// Over the last dimension, without scale and shift.
template <typename T>
Plain<T> plain_normalise(const Plain<T>& x, double epsilon) {
  const std::size_t last = x.shape.size() - 1;
  const auto around = plain_zip(x, plain_mean(x, last), std::minus<>());
  const auto variance = plain_mean(plain_map(around, [](T a) { return a * a; }), last);
  return plain_zip(around, variance,
                   [=](T a, T b) { return a / std::sqrt(b + static_cast<T>(epsilon)); });
}

/// Windows of two dimensions over [n, c, h, w].
struct PlainWindow {
  std::int64_t height = 1, width = 1, stride = 1, dilation = 1, pad = 0, groups = 1;

  std::int64_t out(std::int64_t size, std::int64_t window) const {
    return (size + 2 * pad - dilation * (window - 1) - 1) / stride + 1;
  }
  /// Calls `visit(y, x, ky, kx)` for each place of a window that lies within the image.
  template <typename Visit>
  void visit(const Shape& image, const Index& out, const Visit& visit) const {
    for (std::int64_t ky = 0; ky < height; ++ky)
      for (std::int64_t kx = 0; kx < width; ++kx) {
        const std::int64_t y = out[2] * stride + ky * dilation - pad;
        const std::int64_t x = out[3] * stride + kx * dilation - pad;
        if (y >= 0 && y < image[2] && x >= 0 && x < image[3]) visit(y, x, ky, kx);
      }
  }
};

/// Weights [filters, channels / groups, height, width].
template <typename T>
Plain<T> plain_conv(const Plain<T>& x, const Plain<T>& weights, const PlainWindow& window) {
  const std::int64_t each = weights.shape[1], filters = weights.shape[0] / window.groups;
  const Shape shape{x.shape[0], weights.shape[0], window.out(x.shape[2], window.height),
                    window.out(x.shape[3], window.width)};
  return plain_of<T>(shape, [&](const Index& i) {
    T sum = 0;
    for (std::int64_t c = 0; c < each; ++c)
      window.visit(x.shape, i, [&](auto y, auto column, auto ky, auto kx) {
        const Index from{i[0], i[1] / filters * each + c, y, column}, by{i[1], c, ky, kx};
        sum += x.values[place_of(x.shape, from)] * weights.values[place_of(weights.shape, by)];
      });
    return sum;
  });
}

/// `padded`: places beyond the edge count in an average.
template <typename T>
Plain<T> plain_pool(const Plain<T>& x, const PlainWindow& window, bool largest, bool padded) {
  const Shape shape{x.shape[0], x.shape[1], window.out(x.shape[2], window.height),
                    window.out(x.shape[3], window.width)};
  return plain_of<T>(shape, [&](const Index& i) {
    T sum = 0, most = std::numeric_limits<T>::lowest();
    std::int64_t seen = 0;
    window.visit(x.shape, i, [&](auto y, auto column, auto, auto) {
      const T value = x.values[place_of(x.shape, Index{i[0], i[1], y, column})];
      sum += value, most = std::max(most, value), ++seen;
    });
    return largest ? most : sum / static_cast<T>(padded ? window.height * window.width : seen);
  });
}

}  // namespace torchkeep::runtime::testing
