// Of layers: products, windows, normalisations, recurrences, quantised numbers, losses.
#include <array>

#include "torchkeep/runtime/kernels/operator_tables.h"
#include "torchkeep/runtime/kernels/operators.h"

namespace torchkeep::runtime::kernels {
namespace {

constexpr std::array kOperators{
    Operator{"Attention", 23, 3, 6, 4, make_attention},
    Operator{"AveragePool", 1, 1, 1, 1, make_average_pool},
    Operator{"BatchNormalization", 1, 5, 5, 5, make_batch_normalization},
    Operator{"Conv", 1, 2, 4, 1, make_conv},
    Operator{"ConvInteger", 10, 2, 4, 1, make_conv_integer},
    Operator{"ConvTranspose", 1, 2, 3, 1, make_conv_transpose},
    Operator{"DeformConv", 19, 3, 5, 1, make_deform_conv},
    Operator{"DequantizeLinear", 10, 2, 3, 1, make_dequantize_linear},
    Operator{"Dropout", 1, 1, 3, 2, make_dropout},
    Operator{"DynamicQuantizeLinear", 11, 1, 1, 3, make_dynamic_quantize_linear},
    Operator{"Einsum", 12, 1, kMany, 1, make_einsum},
    Operator{"GRU", 1, 3, 6, 2, make_gru, false},
    Operator{"Gemm", 1, 2, 3, 1, make_gemm},
    Operator{"GlobalAveragePool", 1, 1, 1, 1, make_global_average_pool},
    Operator{"GlobalLpPool", 1, 1, 1, 1, make_global_lp_pool},
    Operator{"GlobalMaxPool", 1, 1, 1, 1, make_global_max_pool},
    Operator{"GroupNormalization", 18, 3, 3, 1, make_group_normalization},
    Operator{"Hardmax", 1, 1, 1, 1, make_hardmax},
    Operator{"InstanceNormalization", 1, 3, 3, 1, make_instance_normalization},
    Operator{"LRN", 1, 1, 1, 1, make_lrn},
    Operator{"LSTM", 1, 3, 8, 3, make_lstm, false},
    Operator{"LayerNormalization", 17, 2, 3, 3, make_layer_normalization},
    Operator{"LogSoftmax", 1, 1, 1, 1, make_log_softmax},
    Operator{"LpNormalization", 1, 1, 1, 1, make_lp_normalization},
    Operator{"LpPool", 1, 1, 1, 1, make_lp_pool},
    Operator{"MatMul", 1, 2, 5, 1, make_mat_mul},
    Operator{"MatMulInteger", 10, 2, 4, 1, make_mat_mul_integer},
    Operator{"MaxPool", 1, 1, 1, 2, make_max_pool},
    Operator{"MaxRoiPool", 1, 2, 2, 1, make_max_roi_pool},
    Operator{"MaxUnpool", 9, 2, 3, 1, make_max_unpool},
    Operator{"MeanVarianceNormalization", 9, 1, 1, 1, make_mean_variance_normalization},
    Operator{"NegativeLogLikelihoodLoss", 12, 2, 3, 1, make_negative_log_likelihood_loss},
    Operator{"QLinearConv", 10, 8, 9, 1, make_q_linear_conv},
    Operator{"QLinearMatMul", 10, 8, 8, 1, make_q_linear_mat_mul},
    Operator{"QuantizeLinear", 10, 2, 3, 1, make_quantize_linear},
    Operator{"RMSNormalization", 23, 2, 2, 1, make_rms_normalization},
    Operator{"RNN", 1, 3, 6, 2, make_rnn, false},
    Operator{"RotaryEmbedding", 23, 3, 7, 1, make_rotary_embedding},
    Operator{"Softmax", 1, 1, 1, 1, make_softmax},
    Operator{"SoftmaxCrossEntropyLoss", 12, 2, 3, 2, make_softmax_cross_entropy_loss},
};

}  // namespace

std::span<const Operator> layer_operators() { return kOperators; }

}  // namespace torchkeep::runtime::kernels
