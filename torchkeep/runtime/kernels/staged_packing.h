#pragma once

#include "torchkeep/runtime/dnn/dnn.h"
#include "torchkeep/runtime/graph/graph.h"

/// Packing a matrix that is a large part of its model: some columns at a time, each wiped when it
/// is packed, so that memory never holds the whole matrix twice.
namespace torchkeep::runtime::kernels {

/// How many bytes of a matrix of so many are packed at once, where the parameters around it take
/// `model_bytes`: what loading may need beside the parameters. All of it, if it is small beside
/// them: its memory is then the next one's, which costs less than returning it.
std::uint64_t stage_bytes(std::uint64_t matrix_bytes, std::uint64_t model_bytes);

/// Runs a reorder, with scratch memory if it wants any. Errors: Internal.
Result<void> run_reorder(dnn::Primitive& reorder, ByteView from, MutableByteView to);

/// Whether a matrix of floats in that layout is packed panel by panel, as pack_in_stages does it.
bool packs_in_stages(const dnn::Layout& layout, const Shape& matrix);

/// How many columns of `matrix` pack_in_stages packs at once by that; not fewer than there are if
/// it is to be packed whole.
std::int64_t stage_columns(const Shape& matrix, std::uint64_t model_bytes);

/// Packs `matrix` [k, n] of floats into the layout dnn::column_panels, `columns` at a time, which
/// is a multiple of 64. `from` holds it row-major, or with `transposed` as [n, k]. Whichever way
/// this ends, `from` holds nothing of use any more. Errors: Internal, Unavailable.
Result<void> pack_in_stages(dnn::Machine& machine, graph::Constant& from, const Shape& matrix,
                            bool transposed, std::int64_t columns, MutableByteView to);

}  // namespace torchkeep::runtime::kernels
