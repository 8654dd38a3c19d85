#include "torchkeep/runtime/kernels/random.h"

#include <bit>
#include <cmath>
#include <numbers>

#include <sys/random.h>

#include "torchkeep/runtime/kernels/known.h"

namespace torchkeep::runtime::kernels {
namespace {

constexpr std::uint64_t kStep = 0x9e3779b97f4a7c15;

/// The finishing function of SplitMix64: Steele, Lea and Flood, "Fast Splittable Pseudorandom
/// Number Generators", 2014.
std::uint64_t mixed(std::uint64_t x) {
  x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
  x = (x ^ x >> 27) * 0x94d049bb133111eb;
  return x ^ x >> 31;
}

}  // namespace

std::uint64_t RandomNumbers::bits(std::uint64_t place) const {
  return mixed(seed_ + (place + 1) * kStep);
}

double RandomNumbers::normal(std::uint64_t place) const {
  // Box and Muller's: a distance and a direction. 1 - u is never 0.
  const double distance = std::sqrt(-2 * std::log(1 - uniform<double>(2 * place)));
  return distance * std::cos(2 * std::numbers::pi * uniform<double>(2 * place + 1));
}

Result<RandomSource> RandomSource::read(NodeReader& node) {
  RandomSource source;
  if (node.has("seed")) source.seed_ = TRY(node.float_or("seed", 0));
  if (source.seed_ && !std::isfinite(*source.seed_))
    return malformed("seed is ", *source.seed_, ", wanted is a number");
  return source;
}

Result<RandomNumbers> RandomSource::start() const {
  // Mixed, so that seeds that are near each other do not draw the same numbers at other places.
  if (seed_) return RandomNumbers(mixed(std::bit_cast<std::uint32_t>(*seed_) + kStep));
  std::uint64_t seed = 0;
  if (::getrandom(&seed, sizeof(seed), 0) != sizeof(seed))
    return unavailable("the system has no random numbers");
  return RandomNumbers(seed);
}

Result<std::optional<DataType>> read_dtype(NodeReader& node) {
  if (!node.has("dtype")) return std::optional<DataType>();
  return std::optional<DataType>(TRY(data_type_of(TRY(node.int_or("dtype", 1)))));
}

Result<Shape> read_shape(NodeReader& node) {
  if (!node.has("shape")) return malformed("there is no shape");
  Shape shape = TRY(node.ints("shape"));
  TRY(check_shape(shape));
  return shape;
}

}  // namespace torchkeep::runtime::kernels
