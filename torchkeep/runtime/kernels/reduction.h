#pragma once

#include <cmath>
#include <limits>

#include "torchkeep/runtime/kernels/types.h"

/// How many elements become one: where a reduction starts, how it goes on and how it ends.
namespace torchkeep::runtime::kernels {

/// What sums are made in: integers wrap around, floats are summed as double.
template <typename T>
using Accumulator = std::conditional_t<std::is_floating_point_v<T>, double, std::uint64_t>;

template <typename T>
struct SumOf {
  using State = Accumulator<T>;
  static State start() { return 0; }
  static State add(State sum, T x) { return sum + static_cast<State>(x); }
  static State join(State one, State other) { return one + other; }
  static T finish(State sum, std::size_t) { return static_cast<T>(sum); }
};
template <typename T>
struct MeanOf : SumOf<T> {
  using State = Accumulator<T>;
  static T finish(State sum, std::size_t count) {
    if constexpr (std::is_floating_point_v<T>) {
      return static_cast<T>(sum / static_cast<double>(count));
    } else {
      return count == 0 ? T{0}
                        : static_cast<T>(static_cast<std::int64_t>(sum) /
                                         static_cast<std::int64_t>(count));
    }
  }
};
template <typename T>
struct ProductOf {
  using State = Accumulator<T>;
  static State start() { return 1; }
  static State add(State product, T x) { return product * static_cast<State>(x); }
  static State join(State one, State other) { return one * other; }
  static T finish(State product, std::size_t) { return static_cast<T>(product); }
};
template <typename T>
struct SumOfSquares : SumOf<T> {
  using State = Accumulator<T>;
  static State add(State sum, T x) { return sum + static_cast<State>(x) * static_cast<State>(x); }
};
template <typename T>
struct SumOfSizes : SumOf<T> {
  using State = Accumulator<T>;
  static State add(State sum, T x) {
    return x < T{0} ? sum - static_cast<State>(x) : sum + static_cast<State>(x);
  }
};
/// The root of the sum of squares.
template <typename T>
struct LengthOf {
  using State = double;
  static State start() { return 0; }
  static State add(State sum, T x) { return sum + static_cast<double>(x) * static_cast<double>(x); }
  static State join(State one, State other) { return one + other; }
  static T finish(State sum, std::size_t) { return static_cast<T>(std::sqrt(sum)); }
};
template <typename T>
struct LogarithmOfSum {
  using State = double;
  static State start() { return 0; }
  static State add(State sum, T x) { return sum + static_cast<double>(x); }
  static State join(State one, State other) { return one + other; }
  static T finish(State sum, std::size_t) { return static_cast<T>(std::log(sum)); }
};
/// Kept as the largest so far and the sum of exponentials below it, so that nothing overflows.
template <typename T>
struct LogarithmOfExponentials {
  struct State {
    double largest, sum;
  };
  static State start() { return {-std::numeric_limits<double>::infinity(), 0}; }
  static State join(State one, State other) {
    if (one.largest < other.largest) std::swap(one, other);
    // Both are infinite where nothing, or nothing else, has been seen.
    if (one.largest == other.largest) return {one.largest, one.sum + other.sum};
    return {one.largest, one.sum + other.sum * std::exp(other.largest - one.largest)};
  }
  static State add(State state, T x) { return join(state, {static_cast<double>(x), 1}); }
  static T finish(State state, std::size_t) {
    return static_cast<T>(state.largest + std::log(state.sum));
  }
};
// A NaN stays, as PyTorch and NumPy have it.
template <typename T>
struct LargestOf {
  using State = T;
  static State start() {
    using Limits = std::numeric_limits<T>;
    return Limits::has_infinity ? static_cast<T>(-Limits::infinity()) : Limits::lowest();
  }
  static State add(State largest, T x) { return x > largest || x != x ? x : largest; }
  static State join(State one, State other) { return add(one, other); }
  static T finish(State largest, std::size_t) { return largest; }
};
template <typename T>
struct SmallestOf {
  using State = T;
  static State start() {
    using Limits = std::numeric_limits<T>;
    return Limits::has_infinity ? Limits::infinity() : Limits::max();
  }
  static State add(State smallest, T x) { return x < smallest || x != x ? x : smallest; }
  static State join(State one, State other) { return add(one, other); }
  static T finish(State smallest, std::size_t) { return smallest; }
};

}  // namespace torchkeep::runtime::kernels
