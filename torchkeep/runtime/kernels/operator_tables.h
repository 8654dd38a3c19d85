#pragma once

#include "torchkeep/runtime/kernels/registry.h"

/// The tables that the registry is made of. A line holds: name, operator set since which it means
/// what the kernel does, fewest and most inputs, most outputs, maker.
namespace torchkeep::runtime::kernels {

/// As many inputs or outputs as there are.
inline constexpr std::size_t kMany = 4096;

std::span<const Operator> element_operators();  // operators_of_elements.cpp
std::span<const Operator> layer_operators();    // operators_of_layers.cpp
std::span<const Operator> tensor_operators();   // operators_of_tensors.cpp
std::span<const Operator> control_operators();  // operators_of_control.cpp

}  // namespace torchkeep::runtime::kernels
