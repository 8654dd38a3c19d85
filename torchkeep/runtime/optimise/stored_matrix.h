#pragma once

#include "torchkeep/runtime/kernels/stored_matrix.h"
#include "torchkeep/runtime/optimise/quantisations.h"

/// Matrices that DequantizeLinear makes of parameters, as passes find them, and who reads any.
namespace torchkeep::runtime::optimise {

using kernels::StoredMatrix;

/// Of a DequantizeLinear. None if scales or zero points do not fit, or what it reads is no
/// parameter.
std::optional<StoredMatrix> find_stored_matrix(const graph::Graph& graph, const graph::Node& node,
                                               bool turned);

/// Whether a MatMul or Gemm is one of floats that can have a stored matrix of that many columns.
bool takes_stored_matrix(const graph::Graph& graph, const graph::Node& node, std::size_t columns);
/// Whether input 1 of a Gemm is written the other way round.
bool turns_matrix(const graph::Node& node);
/// Whether it takes rows of its input 0, or what that has along its first dimension.
bool is_lookup(const graph::Node& node);

}  // namespace torchkeep::runtime::optimise
