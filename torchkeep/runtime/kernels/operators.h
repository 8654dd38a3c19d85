#pragma once

#include "torchkeep/runtime/kernels/registry.h"

/// A maker for each operator, defined in the file of the operator's name.
namespace torchkeep::runtime::kernels {

Result<KernelPointer> make_average_pool(NodeReader& node);
Result<KernelPointer> make_batch_normalization(NodeReader& node);
Result<KernelPointer> make_cast(NodeReader& node);
Result<KernelPointer> make_clip(NodeReader& node);
Result<KernelPointer> make_concat(NodeReader& node);
Result<KernelPointer> make_conv(NodeReader& node);
Result<KernelPointer> make_dropout(NodeReader& node);
Result<KernelPointer> make_flatten(NodeReader& node);
Result<KernelPointer> make_gather(NodeReader& node);
Result<KernelPointer> make_gemm(NodeReader& node);
Result<KernelPointer> make_global_average_pool(NodeReader& node);
Result<KernelPointer> make_global_max_pool(NodeReader& node);
Result<KernelPointer> make_identity(NodeReader& node);
Result<KernelPointer> make_log_softmax(NodeReader& node);
Result<KernelPointer> make_mat_mul(NodeReader& node);
Result<KernelPointer> make_max_pool(NodeReader& node);
Result<KernelPointer> make_reduce_mean(NodeReader& node);
Result<KernelPointer> make_reshape(NodeReader& node);
Result<KernelPointer> make_shape(NodeReader& node);
Result<KernelPointer> make_softmax(NodeReader& node);
Result<KernelPointer> make_squeeze(NodeReader& node);
Result<KernelPointer> make_transpose(NodeReader& node);
Result<KernelPointer> make_unsqueeze(NodeReader& node);

// arithmetic.cpp
Result<KernelPointer> make_add(NodeReader& node);
Result<KernelPointer> make_sub(NodeReader& node);
Result<KernelPointer> make_mul(NodeReader& node);
Result<KernelPointer> make_div(NodeReader& node);

// functions.cpp, hard_sigmoid.cpp
Result<KernelPointer> make_abs(NodeReader& node);
Result<KernelPointer> make_exp(NodeReader& node);
Result<KernelPointer> make_hard_sigmoid(NodeReader& node);
Result<KernelPointer> make_hard_swish(NodeReader& node);
Result<KernelPointer> make_leaky_relu(NodeReader& node);
Result<KernelPointer> make_log(NodeReader& node);
Result<KernelPointer> make_neg(NodeReader& node);
Result<KernelPointer> make_relu(NodeReader& node);
Result<KernelPointer> make_sigmoid(NodeReader& node);
Result<KernelPointer> make_sqrt(NodeReader& node);
Result<KernelPointer> make_tanh(NodeReader& node);

}  // namespace torchkeep::runtime::kernels
