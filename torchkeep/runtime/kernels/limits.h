#pragma once

#include <limits>

#include "torchkeep/runtime/graph/graph.h"

/// Activations that are no more than a lower and an upper limit, for loops that apply them before
/// they store.
namespace torchkeep::runtime::kernels {

struct Limits {
  bool any = false;
  float low = 0, high = std::numeric_limits<float>::infinity();
};

inline Limits limits_of(const graph::Activation& activation) {
  using Kind = graph::Activation::Kind;
  if (activation.kind == Kind::Relu) return {true, 0, std::numeric_limits<float>::infinity()};
  if (activation.kind == Kind::Clip) return {true, activation.low, activation.high};
  return {};
}

/// Whether the activation is another curve, for `bend`.
inline bool is_curve(const graph::Activation& activation) {
  return !limits_of(activation).any && activation.kind != graph::Activation::Kind::None;
}

}  // namespace torchkeep::runtime::kernels
