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
/// Of a MatMul that the optimiser marked as attention.
Result<KernelPointer> make_written_attention(NodeReader& node);
Result<KernelPointer> make_written_rotation(NodeReader& node);
Result<KernelPointer> make_max_pool(NodeReader& node);
Result<KernelPointer> make_reduce_mean(NodeReader& node);
Result<KernelPointer> make_resize(NodeReader& node);
Result<KernelPointer> make_upsample(NodeReader& node);
Result<KernelPointer> make_if(NodeReader& node);
Result<KernelPointer> make_loop(NodeReader& node);
Result<KernelPointer> make_scan(NodeReader& node);
Result<KernelPointer> make_non_zero(NodeReader& node);
Result<KernelPointer> make_compress(NodeReader& node);
Result<KernelPointer> make_conv_transpose(NodeReader& node);
Result<KernelPointer> make_lstm(NodeReader& node);
Result<KernelPointer> make_gru(NodeReader& node);
Result<KernelPointer> make_rnn(NodeReader& node);
Result<KernelPointer> make_einsum(NodeReader& node);
Result<KernelPointer> make_rotary_embedding(NodeReader& node);
Result<KernelPointer> make_non_max_suppression(NodeReader& node);
Result<KernelPointer> make_quantize_linear(NodeReader& node);
Result<KernelPointer> make_dequantize_linear(NodeReader& node);
Result<KernelPointer> make_attention(NodeReader& node);
Result<KernelPointer> make_roi_align(NodeReader& node);
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

// Of one element: activations.cpp, erf.cpp, is_nan.cpp, logic.cpp, rounding.cpp, trigonometry.cpp
Result<KernelPointer> make_acos(NodeReader& node);
Result<KernelPointer> make_acosh(NodeReader& node);
Result<KernelPointer> make_asin(NodeReader& node);
Result<KernelPointer> make_asinh(NodeReader& node);
Result<KernelPointer> make_atan(NodeReader& node);
Result<KernelPointer> make_atanh(NodeReader& node);
Result<KernelPointer> make_bitwise_not(NodeReader& node);
Result<KernelPointer> make_ceil(NodeReader& node);
Result<KernelPointer> make_celu(NodeReader& node);
Result<KernelPointer> make_cos(NodeReader& node);
Result<KernelPointer> make_cosh(NodeReader& node);
Result<KernelPointer> make_elu(NodeReader& node);
Result<KernelPointer> make_erf(NodeReader& node);
Result<KernelPointer> make_floor(NodeReader& node);
Result<KernelPointer> make_gelu(NodeReader& node);
Result<KernelPointer> make_is_inf(NodeReader& node);
Result<KernelPointer> make_is_nan(NodeReader& node);
Result<KernelPointer> make_mish(NodeReader& node);
Result<KernelPointer> make_not(NodeReader& node);
Result<KernelPointer> make_reciprocal(NodeReader& node);
Result<KernelPointer> make_round(NodeReader& node);
Result<KernelPointer> make_selu(NodeReader& node);
Result<KernelPointer> make_shrink(NodeReader& node);
Result<KernelPointer> make_sign(NodeReader& node);
Result<KernelPointer> make_sin(NodeReader& node);
Result<KernelPointer> make_sinh(NodeReader& node);
Result<KernelPointer> make_softplus(NodeReader& node);
Result<KernelPointer> make_softsign(NodeReader& node);
Result<KernelPointer> make_tan(NodeReader& node);
Result<KernelPointer> make_thresholded_relu(NodeReader& node);

// Of several inputs, spread over each other: comparisons.cpp, logic.cpp, mod.cpp, p_relu.cpp,
// pow.cpp, variadic.cpp, where.cpp
Result<KernelPointer> make_and(NodeReader& node);
Result<KernelPointer> make_bit_shift(NodeReader& node);
Result<KernelPointer> make_bitwise_and(NodeReader& node);
Result<KernelPointer> make_bitwise_or(NodeReader& node);
Result<KernelPointer> make_bitwise_xor(NodeReader& node);
Result<KernelPointer> make_equal(NodeReader& node);
Result<KernelPointer> make_greater(NodeReader& node);
Result<KernelPointer> make_greater_or_equal(NodeReader& node);
Result<KernelPointer> make_less(NodeReader& node);
Result<KernelPointer> make_less_or_equal(NodeReader& node);
Result<KernelPointer> make_max(NodeReader& node);
Result<KernelPointer> make_mean(NodeReader& node);
Result<KernelPointer> make_min(NodeReader& node);
Result<KernelPointer> make_mod(NodeReader& node);
Result<KernelPointer> make_or(NodeReader& node);
Result<KernelPointer> make_p_relu(NodeReader& node);
Result<KernelPointer> make_pow(NodeReader& node);
Result<KernelPointer> make_sum(NodeReader& node);
Result<KernelPointer> make_where(NodeReader& node);
Result<KernelPointer> make_xor(NodeReader& node);

// Along dimensions: arg_max.cpp, cum_sum.cpp, reductions.cpp, top_k.cpp
Result<KernelPointer> make_arg_max(NodeReader& node);
Result<KernelPointer> make_arg_min(NodeReader& node);
Result<KernelPointer> make_cum_sum(NodeReader& node);
Result<KernelPointer> make_reduce_l1(NodeReader& node);
Result<KernelPointer> make_reduce_l2(NodeReader& node);
Result<KernelPointer> make_reduce_log_sum(NodeReader& node);
Result<KernelPointer> make_reduce_log_sum_exp(NodeReader& node);
Result<KernelPointer> make_reduce_max(NodeReader& node);
Result<KernelPointer> make_reduce_min(NodeReader& node);
Result<KernelPointer> make_reduce_prod(NodeReader& node);
Result<KernelPointer> make_reduce_sum(NodeReader& node);
Result<KernelPointer> make_reduce_sum_square(NodeReader& node);
Result<KernelPointer> make_top_k(NodeReader& node);

// Of elements that move
Result<KernelPointer> make_cast_like(NodeReader& node);
Result<KernelPointer> make_constant_of_shape(NodeReader& node);
Result<KernelPointer> make_depth_to_space(NodeReader& node);
Result<KernelPointer> make_expand(NodeReader& node);
Result<KernelPointer> make_gather_elements(NodeReader& node);
Result<KernelPointer> make_gather_nd(NodeReader& node);
Result<KernelPointer> make_one_hot(NodeReader& node);
Result<KernelPointer> make_pad(NodeReader& node);
Result<KernelPointer> make_range(NodeReader& node);
Result<KernelPointer> make_scatter_elements(NodeReader& node);
Result<KernelPointer> make_scatter_nd(NodeReader& node);
Result<KernelPointer> make_size(NodeReader& node);
Result<KernelPointer> make_slice(NodeReader& node);
Result<KernelPointer> make_space_to_depth(NodeReader& node);
Result<KernelPointer> make_split(NodeReader& node);
Result<KernelPointer> make_tile(NodeReader& node);
Result<KernelPointer> make_trilu(NodeReader& node);

// group_normalization.cpp, layer_normalization.cpp
Result<KernelPointer> make_group_normalization(NodeReader& node);
Result<KernelPointer> make_instance_normalization(NodeReader& node);
Result<KernelPointer> make_layer_normalization(NodeReader& node);
Result<KernelPointer> make_rms_normalization(NodeReader& node);

// Of classes and places
Result<KernelPointer> make_grid_sample(NodeReader& node);
Result<KernelPointer> make_hardmax(NodeReader& node);
Result<KernelPointer> make_negative_log_likelihood_loss(NodeReader& node);
Result<KernelPointer> make_softmax_cross_entropy_loss(NodeReader& node);

// Of values that are no tensors
Result<KernelPointer> make_concat_from_sequence(NodeReader& node);
Result<KernelPointer> make_optional(NodeReader& node);
Result<KernelPointer> make_optional_get_element(NodeReader& node);
Result<KernelPointer> make_optional_has_element(NodeReader& node);
Result<KernelPointer> make_sequence_at(NodeReader& node);
Result<KernelPointer> make_sequence_construct(NodeReader& node);
Result<KernelPointer> make_sequence_empty(NodeReader& node);
Result<KernelPointer> make_sequence_erase(NodeReader& node);
Result<KernelPointer> make_sequence_insert(NodeReader& node);
Result<KernelPointer> make_sequence_length(NodeReader& node);
Result<KernelPointer> make_sequence_map(NodeReader& node);
Result<KernelPointer> make_split_to_sequence(NodeReader& node);

// Of signals, matrices and sequences
Result<KernelPointer> make_blackman_window(NodeReader& node);
Result<KernelPointer> make_dft(NodeReader& node);
Result<KernelPointer> make_det(NodeReader& node);
Result<KernelPointer> make_dynamic_quantize_linear(NodeReader& node);
Result<KernelPointer> make_eye_like(NodeReader& node);
Result<KernelPointer> make_hamming_window(NodeReader& node);
Result<KernelPointer> make_hann_window(NodeReader& node);
Result<KernelPointer> make_lrn(NodeReader& node);
Result<KernelPointer> make_mel_weight_matrix(NodeReader& node);
Result<KernelPointer> make_reverse_sequence(NodeReader& node);
Result<KernelPointer> make_stft(NodeReader& node);
Result<KernelPointer> make_unique_elements(NodeReader& node);

// quantised: mat_mul_integer.cpp, q_linear_mat_mul.cpp, quantize_linear.cpp
Result<KernelPointer> make_conv_integer(NodeReader& node);
Result<KernelPointer> make_mat_mul_integer(NodeReader& node);
Result<KernelPointer> make_q_linear_conv(NodeReader& node);
Result<KernelPointer> make_q_linear_mat_mul(NodeReader& node);
/// Of an Add that the optimiser marked as quantised.
Result<KernelPointer> make_quantised_add(NodeReader& node);
Result<KernelPointer> make_quantised_gate(NodeReader& node);

// Of windows, norms and grids
Result<KernelPointer> make_affine_grid(NodeReader& node);
Result<KernelPointer> make_center_crop_pad(NodeReader& node);
Result<KernelPointer> make_col2_im(NodeReader& node);
Result<KernelPointer> make_deform_conv(NodeReader& node);
Result<KernelPointer> make_global_lp_pool(NodeReader& node);
Result<KernelPointer> make_lp_normalization(NodeReader& node);
Result<KernelPointer> make_lp_pool(NodeReader& node);
Result<KernelPointer> make_max_roi_pool(NodeReader& node);
Result<KernelPointer> make_max_unpool(NodeReader& node);
Result<KernelPointer> make_mean_variance_normalization(NodeReader& node);

// Of random numbers
Result<KernelPointer> make_bernoulli(NodeReader& node);
Result<KernelPointer> make_multinomial(NodeReader& node);
Result<KernelPointer> make_random_normal(NodeReader& node);
Result<KernelPointer> make_random_normal_like(NodeReader& node);
Result<KernelPointer> make_random_uniform(NodeReader& node);
Result<KernelPointer> make_random_uniform_like(NodeReader& node);

}  // namespace torchkeep::runtime::kernels
