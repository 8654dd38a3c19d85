#pragma once

#include "torchkeep/quantise/products.h"

/// Which values of a model are worth keeping as numbers of 8 bits between its layers.
namespace torchkeep::quantise {

/// A value that is quantised.
struct Activation {
  std::string_view name;
  std::size_t group = 0;  ///< Those of one group have one range.
  /// The readers that take the quantised one: all of them where a convolution makes it, since it
  /// would have to write both otherwise.
  std::vector<Reading> readers;
};

/// What products read; and so that a tensor stays quantised from layer to layer, also what
/// - a sum of two computed values reads whose result (behind its activation) is quantised,
/// - a pool, Concat, Reshape and the like reads whose result is, with one range for both sides,
/// - an average over all places reads,
/// where convolutions make it. Groups count from 0.
/// A convolution that alone makes a side of a sum hands it on as floats, which the engine never
/// writes: it adds the other side to its sums. `portable`: that side is quantised too, since other
/// runtimes take a convolution for one of integers only then.
std::vector<Activation> choose_activations(const Source& source,
                                           const std::vector<Product>& products, bool portable);

}  // namespace torchkeep::quantise
