#include "torchkeep/runtime/optimise/optimise.h"

namespace torchkeep::runtime::optimise {

Result<void> optimise(graph::Graph& graph, dnn::Machine& machine, Pool& pool,
                      std::uint64_t max_bytes) {
  drop_identities(graph);
  fuse_turned_weights(graph);
  TRY(fold_constants(graph, machine, pool, max_bytes, true));
  if (dnn::Machine::multiplies_bytes()) {
    drop_byte_casts(graph);
    TRY(fuse_dequantize(graph));
    drop_unused(graph);  // and with them what read weights that are no more
    stay_quantised(graph);
  }
  TRY(fuse_stored_tables(graph));
  fuse_stored_weights(graph);
  drop_unused(graph);  // or the floats of quantised weights would be made for nobody
  TRY(widen_four_bits(graph));
  TRY(fold_constants(graph, machine, pool, max_bytes, false));
  drop_unused(graph);
  TRY(fold_batch_normalization(graph));
  fuse_normalization(graph);
  fuse_root_mean_square(graph);
  fuse_rotation(graph);
  fuse_bias(graph);
  fuse_scale(graph);
  fuse_curves(graph);
  fuse_residual(graph);
  fuse_activation(graph);
  if (dnn::Machine::multiplies_bytes()) fuse_quantize(graph);
  fuse_attention(graph);
  TRY(fuse_tied_tables(graph, machine));
  drop_unused(graph);
  return {};
}

}  // namespace torchkeep::runtime::optimise
