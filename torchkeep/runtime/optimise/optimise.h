#pragma once

#include "torchkeep/runtime/dnn/dnn.h"
#include "torchkeep/runtime/graph/graph.h"
#include "torchkeep/runtime/threads/pool.h"

/// From the graph as exported to the graph that is run: one pass a file, whose first lines show a
/// graph before and after it; each is free to do nothing. All expect a graph whose nodes the
/// kernels have accepted, and keep it one.
namespace torchkeep::runtime::optimise {

/// Takes out nodes that hand on their input: Identity, and Dropout outside of training.
void drop_identities(graph::Graph& graph);

/// Lets products read matrices of parameters that are written turned over as they are: no copy is
/// made to turn them.
void fuse_turned_weights(graph::Graph& graph);

/// Runs what depends on parameters alone, once, and lets go of what nobody else reads. Results
/// above `max_bytes` in all are left to the runs. `keep_quantised`: DequantizeLinear is left alone,
/// for passes that know more to do with it.
Result<void> fold_constants(graph::Graph& graph, dnn::Machine& machine, Pool& pool,
                            std::uint64_t max_bytes, bool keep_quantised);

/// Takes out a Cast of what is of that type already, as torch 1.13 puts one behind each
/// QuantizeLinear.
void drop_byte_casts(graph::Graph& graph);

/// Lets convolutions and linear layers read quantised numbers. Weights of 8 bits stay what they
/// are. QLinearConv and QLinearMatMul become the same, their output's scale with them.
/// Errors: Unavailable if memory for a transposed matrix is short.
Result<void> fuse_dequantize(graph::Graph& graph);

/// Lets lookups, and heads that have the same table turned over, read one as small as it is stored.
/// Errors: Unavailable if memory for a table in panels is short.
Result<void> fuse_stored_tables(graph::Graph& graph);

/// Lets linear layers of floats read weights as small as they are stored.
void fuse_stored_weights(graph::Graph& graph);

/// Makes integers of 4 bits ones of 8, but for those that marked products alone read: from here on
/// nobody else meets any. Errors: Unavailable if memory is short.
Result<void> widen_four_bits(graph::Graph& graph);

/// Lets operators that only move or choose numbers do so with quantised ones. Averages too.
void stay_quantised(graph::Graph& graph);

/// Lets marked products, and sums of two quantised tensors, write quantised numbers.
/// It comes after whatever fuses onto products.
void fuse_quantize(graph::Graph& graph);

/// Multiplies a normalisation's scale into the weights before it, and its shift into their bias.
Result<void> fold_batch_normalization(graph::Graph& graph);

/// Lets a matrix product add a bias, one number a column, by itself.
void fuse_bias(graph::Graph& graph);

/// Lets a matrix product multiply its result by one number.
void fuse_scale(graph::Graph& graph);

/// Finds functions that are written out in several nodes, and lets the convolution or matrix
/// product before them bend its own result. GELU by the error function or by the hyperbolic
/// tangent, and SiLU.
void fuse_curves(graph::Graph& graph);

/// Finds layer normalisation as exporters before operator set 17 write it.
void fuse_normalization(graph::Graph& graph);

/// Finds normalisation by the root mean square that is written out, a root's reciprocal too.
void fuse_root_mean_square(graph::Graph& graph);

/// Finds rotary positions that are written out, with halves that Slice or Split cut.
void fuse_rotation(graph::Graph& graph);

/// Lets a convolution or a linear layer add to what is there already.
void fuse_residual(graph::Graph& graph);

/// Lets a convolution or matrix product limit its own result.
void fuse_activation(graph::Graph& graph);

/// Finds attention that is written out, heads' transpositions and a mask's sum or choice with it,
/// and lets its second product stand for all of it.
/// It comes after whatever looks at a MatMul's marks.
void fuse_attention(graph::Graph& graph);

/// Lets lookups read rows from the panels in which heads have the same table of floats, so that it
/// is there once. It comes after whatever looks at a matrix of parameters. Errors: Internal;
/// Unavailable if memory for a table in panels is short.
Result<void> fuse_tied_tables(graph::Graph& graph, dnn::Machine& machine);

/// Takes out nodes that nothing depends on, and lets go of parameters that nobody reads.
void drop_unused(graph::Graph& graph);

/// All of them, in the order in which each makes work for the next.
Result<void> optimise(graph::Graph& graph, dnn::Machine& machine, Pool& pool,
                      std::uint64_t max_bytes);

}  // namespace torchkeep::runtime::optimise
