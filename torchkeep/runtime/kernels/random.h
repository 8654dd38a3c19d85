#pragma once

#include <limits>

#include "torchkeep/runtime/kernels/node_reader.h"

/// Random numbers of our own making: ONNX says how they are spread, not which they are.
/// Each is a function of a seed and its place alone (SplitMix64, whose state is a counter), so that
/// any thread makes any of them and the same seed gives the same numbers on every machine. They are
/// for models that draw samples: nothing secret may rest on them.
namespace torchkeep::runtime::kernels {

class RandomNumbers {
 public:
  explicit RandomNumbers(std::uint64_t seed) : seed_(seed) {}

  /// All bits alike.
  std::uint64_t bits(std::uint64_t place) const;
  /// 0 to below 1, of as many bits as T holds exactly.
  template <typename T>
  double uniform(std::uint64_t place) const {
    constexpr int kDigits = std::numeric_limits<T>::digits;
    return static_cast<double>(bits(place) >> (64 - kDigits)) /
           static_cast<double>(std::uint64_t{1} << kDigits);
  }
  /// Of mean 0 and deviation 1.
  double normal(std::uint64_t place) const;

 private:
  std::uint64_t seed_;
};

/// What the attribute `seed` says. With it every run draws the same numbers, whoever asks; without,
/// each run is seeded by the system.
class RandomSource {
 public:
  /// Errors: Malformed if the seed is no number.
  static Result<RandomSource> read(NodeReader& node);
  /// Errors: Unavailable if the system has no random numbers.
  Result<RandomNumbers> start() const;

 private:
  std::optional<float> seed_;
};

/// The type that the attribute `dtype` names, if it is there.
/// Errors: Malformed for types that the engine does not hold.
Result<std::optional<DataType>> read_dtype(NodeReader& node);

/// The attribute `shape`. Errors: Malformed for one that is not there or absurd.
Result<Shape> read_shape(NodeReader& node);

}  // namespace torchkeep::runtime::kernels
