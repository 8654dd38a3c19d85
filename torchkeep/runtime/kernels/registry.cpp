#include "torchkeep/runtime/kernels/registry.h"

#include <algorithm>
#include <array>

#include "torchkeep/runtime/kernels/old_broadcast.h"
#include "torchkeep/runtime/kernels/operators.h"

namespace torchkeep::runtime::kernels {
namespace {

constexpr std::size_t kMany = 4096;

// Name, operator set since which it means what the kernel does, fewest and most inputs, most
// outputs.
constexpr std::array kOperators{
    Operator{"Abs", 1, 1, 1, 1, make_abs},
    Operator{"Acos", 7, 1, 1, 1, make_acos},
    Operator{"Acosh", 9, 1, 1, 1, make_acosh},
    Operator{"Add", 1, 2, 2, 1, make_add},
    Operator{"And", 1, 2, 2, 1, make_and},
    Operator{"ArgMax", 1, 1, 1, 1, make_arg_max},
    Operator{"ArgMin", 1, 1, 1, 1, make_arg_min},
    Operator{"Asin", 7, 1, 1, 1, make_asin},
    Operator{"Asinh", 9, 1, 1, 1, make_asinh},
    Operator{"Atan", 7, 1, 1, 1, make_atan},
    Operator{"Atanh", 9, 1, 1, 1, make_atanh},
    Operator{"Attention", 23, 3, 6, 4, make_attention},
    Operator{"AveragePool", 1, 1, 1, 1, make_average_pool},
    Operator{"BatchNormalization", 1, 5, 5, 1, make_batch_normalization},
    Operator{"BitShift", 11, 2, 2, 1, make_bit_shift},
    Operator{"BitwiseAnd", 18, 2, 2, 1, make_bitwise_and},
    Operator{"BitwiseNot", 18, 1, 1, 1, make_bitwise_not},
    Operator{"BitwiseOr", 18, 2, 2, 1, make_bitwise_or},
    Operator{"BitwiseXor", 18, 2, 2, 1, make_bitwise_xor},
    Operator{"BlackmanWindow", 17, 1, 1, 1, make_blackman_window},
    Operator{"Cast", 6, 1, 1, 1, make_cast},
    Operator{"CastLike", 15, 2, 2, 1, make_cast_like},
    Operator{"Ceil", 1, 1, 1, 1, make_ceil},
    Operator{"Celu", 12, 1, 1, 1, make_celu},
    Operator{"Clip", 1, 1, 3, 1, make_clip},
    Operator{"Compress", 9, 2, 2, 1, make_compress},
    Operator{"Concat", 1, 1, kMany, 1, make_concat},
    Operator{"ConcatFromSequence", 11, 1, 1, 1, make_concat_from_sequence},
    Operator{"ConstantOfShape", 9, 1, 1, 1, make_constant_of_shape},
    Operator{"Conv", 1, 2, 3, 1, make_conv},
    Operator{"ConvTranspose", 1, 2, 3, 1, make_conv_transpose},
    Operator{"Cos", 7, 1, 1, 1, make_cos},
    Operator{"Cosh", 9, 1, 1, 1, make_cosh},
    Operator{"CumSum", 11, 2, 2, 1, make_cum_sum},
    Operator{"DepthToSpace", 1, 1, 1, 1, make_depth_to_space},
    Operator{"DequantizeLinear", 10, 2, 3, 1, make_dequantize_linear},
    Operator{"Det", 11, 1, 1, 1, make_det},
    Operator{"Div", 1, 2, 2, 1, make_div},
    Operator{"Dropout", 1, 1, 3, 2, make_dropout},
    Operator{"DynamicQuantizeLinear", 11, 1, 1, 3, make_dynamic_quantize_linear},
    Operator{"Einsum", 12, 1, 2, 1, make_einsum},
    Operator{"Elu", 1, 1, 1, 1, make_elu},
    Operator{"Equal", 1, 2, 2, 1, make_equal},
    Operator{"Erf", 9, 1, 1, 1, make_erf},
    Operator{"Exp", 1, 1, 1, 1, make_exp},
    Operator{"Expand", 8, 2, 2, 1, make_expand},
    Operator{"EyeLike", 9, 1, 1, 1, make_eye_like},
    Operator{"Flatten", 1, 1, 1, 1, make_flatten},
    Operator{"Floor", 1, 1, 1, 1, make_floor},
    Operator{"GRU", 1, 3, 6, 2, make_gru, false},
    Operator{"Gather", 1, 2, 2, 1, make_gather},
    Operator{"GatherElements", 11, 2, 2, 1, make_gather_elements},
    Operator{"GatherND", 11, 2, 2, 1, make_gather_nd},
    Operator{"Gelu", 20, 1, 1, 1, make_gelu},
    Operator{"Gemm", 1, 2, 3, 1, make_gemm},
    Operator{"GlobalAveragePool", 1, 1, 1, 1, make_global_average_pool},
    Operator{"GlobalMaxPool", 1, 1, 1, 1, make_global_max_pool},
    Operator{"Greater", 1, 2, 2, 1, make_greater},
    Operator{"GreaterOrEqual", 12, 2, 2, 1, make_greater_or_equal},
    Operator{"GridSample", 16, 2, 2, 1, make_grid_sample},
    Operator{"GroupNormalization", 18, 3, 3, 1, make_group_normalization},
    Operator{"HammingWindow", 17, 1, 1, 1, make_hamming_window},
    Operator{"HannWindow", 17, 1, 1, 1, make_hann_window},
    Operator{"HardSigmoid", 1, 1, 1, 1, make_hard_sigmoid},
    Operator{"HardSwish", 14, 1, 1, 1, make_hard_swish},
    Operator{"Hardmax", 1, 1, 1, 1, make_hardmax},
    Operator{"Identity", 1, 1, 1, 1, make_identity},
    Operator{"If", 1, 1, 1, kMany, make_if},
    Operator{"InstanceNormalization", 1, 3, 3, 1, make_instance_normalization},
    Operator{"IsInf", 10, 1, 1, 1, make_is_inf},
    Operator{"IsNaN", 9, 1, 1, 1, make_is_nan},
    Operator{"LRN", 1, 1, 1, 1, make_lrn},
    Operator{"LSTM", 1, 3, 8, 3, make_lstm, false},
    Operator{"LayerNormalization", 17, 2, 3, 3, make_layer_normalization},
    Operator{"LeakyRelu", 1, 1, 1, 1, make_leaky_relu},
    Operator{"Less", 1, 2, 2, 1, make_less},
    Operator{"LessOrEqual", 12, 2, 2, 1, make_less_or_equal},
    Operator{"Log", 1, 1, 1, 1, make_log},
    Operator{"LogSoftmax", 1, 1, 1, 1, make_log_softmax},
    Operator{"Loop", 1, 1, kMany, kMany, make_loop},
    Operator{"MatMul", 1, 2, 3, 1, make_mat_mul},
    Operator{"Max", 1, 1, kMany, 1, make_max},
    Operator{"MaxPool", 1, 1, 1, 1, make_max_pool},
    Operator{"Mean", 1, 1, kMany, 1, make_mean},
    Operator{"Min", 1, 1, kMany, 1, make_min},
    Operator{"Mish", 18, 1, 1, 1, make_mish},
    Operator{"Mod", 10, 2, 2, 1, make_mod},
    Operator{"Mul", 1, 2, 2, 1, make_mul},
    Operator{"Neg", 1, 1, 1, 1, make_neg},
    Operator{"NegativeLogLikelihoodLoss", 12, 2, 3, 1, make_negative_log_likelihood_loss},
    Operator{"NonMaxSuppression", 10, 2, 5, 1, make_non_max_suppression},
    Operator{"NonZero", 9, 1, 1, 1, make_non_zero},
    Operator{"Not", 1, 1, 1, 1, make_not},
    Operator{"OneHot", 9, 3, 3, 1, make_one_hot},
    Operator{"Optional", 15, 0, 1, 1, make_optional},
    Operator{"OptionalGetElement", 15, 1, 1, 1, make_optional_get_element},
    Operator{"OptionalHasElement", 15, 0, 1, 1, make_optional_has_element},
    Operator{"Or", 1, 2, 2, 1, make_or},
    Operator{"PRelu", 1, 2, 2, 1, make_p_relu},
    Operator{"Pad", 1, 1, 4, 1, make_pad},
    Operator{"Pow", 1, 2, 2, 1, make_pow},
    Operator{"QuantizeLinear", 10, 2, 3, 1, make_quantize_linear},
    Operator{"RMSNormalization", 23, 2, 2, 1, make_rms_normalization},
    Operator{"RNN", 1, 3, 6, 2, make_rnn, false},
    Operator{"Range", 11, 3, 3, 1, make_range},
    Operator{"Reciprocal", 1, 1, 1, 1, make_reciprocal},
    Operator{"ReduceL1", 1, 1, 2, 1, make_reduce_l1},
    Operator{"ReduceL2", 1, 1, 2, 1, make_reduce_l2},
    Operator{"ReduceLogSum", 1, 1, 2, 1, make_reduce_log_sum},
    Operator{"ReduceLogSumExp", 1, 1, 2, 1, make_reduce_log_sum_exp},
    Operator{"ReduceMax", 1, 1, 2, 1, make_reduce_max},
    Operator{"ReduceMean", 1, 1, 2, 1, make_reduce_mean},
    Operator{"ReduceMin", 1, 1, 2, 1, make_reduce_min},
    Operator{"ReduceProd", 1, 1, 2, 1, make_reduce_prod},
    Operator{"ReduceSum", 1, 1, 2, 1, make_reduce_sum},
    Operator{"ReduceSumSquare", 1, 1, 2, 1, make_reduce_sum_square},
    Operator{"Relu", 1, 1, 1, 1, make_relu},
    Operator{"Reshape", 1, 1, 2, 1, make_reshape},
    Operator{"Resize", 10, 1, 4, 1, make_resize},
    Operator{"ReverseSequence", 10, 2, 2, 1, make_reverse_sequence},
    Operator{"RoiAlign", 10, 3, 3, 1, make_roi_align},
    Operator{"RotaryEmbedding", 23, 3, 4, 1, make_rotary_embedding},
    Operator{"Round", 11, 1, 1, 1, make_round},
    Operator{"Scatter", 9, 3, 3, 1, make_scatter_elements},
    Operator{"ScatterElements", 11, 3, 3, 1, make_scatter_elements},
    Operator{"ScatterND", 11, 3, 3, 1, make_scatter_nd},
    Operator{"Selu", 1, 1, 1, 1, make_selu},
    Operator{"SequenceAt", 11, 2, 2, 1, make_sequence_at},
    Operator{"SequenceConstruct", 11, 1, kMany, 1, make_sequence_construct},
    Operator{"SequenceEmpty", 11, 0, 0, 1, make_sequence_empty},
    Operator{"SequenceErase", 11, 1, 2, 1, make_sequence_erase},
    Operator{"SequenceInsert", 11, 2, 3, 1, make_sequence_insert},
    Operator{"SequenceLength", 11, 1, 1, 1, make_sequence_length},
    Operator{"SequenceMap", 17, 1, kMany, kMany, make_sequence_map},
    Operator{"Shape", 1, 1, 1, 1, make_shape},
    Operator{"Shrink", 9, 1, 1, 1, make_shrink},
    Operator{"Sigmoid", 1, 1, 1, 1, make_sigmoid},
    Operator{"Sign", 9, 1, 1, 1, make_sign},
    Operator{"Sin", 7, 1, 1, 1, make_sin},
    Operator{"Sinh", 9, 1, 1, 1, make_sinh},
    Operator{"Size", 1, 1, 1, 1, make_size},
    Operator{"Slice", 1, 1, 5, 1, make_slice},
    Operator{"Softmax", 1, 1, 1, 1, make_softmax},
    Operator{"SoftmaxCrossEntropyLoss", 12, 2, 3, 2, make_softmax_cross_entropy_loss},
    Operator{"Softplus", 1, 1, 1, 1, make_softplus},
    Operator{"Softsign", 1, 1, 1, 1, make_softsign},
    Operator{"SpaceToDepth", 1, 1, 1, 1, make_space_to_depth},
    Operator{"Split", 1, 1, 2, kMany, make_split},
    Operator{"SplitToSequence", 11, 1, 2, 1, make_split_to_sequence},
    Operator{"Sqrt", 1, 1, 1, 1, make_sqrt},
    Operator{"Squeeze", 1, 1, 2, 1, make_squeeze},
    Operator{"Sub", 1, 2, 2, 1, make_sub},
    Operator{"Sum", 1, 1, kMany, 1, make_sum},
    Operator{"Tan", 7, 1, 1, 1, make_tan},
    Operator{"Tanh", 1, 1, 1, 1, make_tanh},
    Operator{"ThresholdedRelu", 10, 1, 1, 1, make_thresholded_relu},
    Operator{"Tile", 6, 2, 2, 1, make_tile},
    Operator{"TopK", 1, 1, 2, 2, make_top_k},
    Operator{"Transpose", 1, 1, 1, 1, make_transpose},
    Operator{"Trilu", 14, 1, 2, 1, make_trilu},
    Operator{"Unsqueeze", 1, 1, 2, 1, make_unsqueeze},
    Operator{"Upsample", 7, 1, 2, 1, make_upsample},
    Operator{"Where", 9, 3, 3, 1, make_where},
    Operator{"Xor", 1, 2, 2, 1, make_xor},
};

Result<KernelPointer> make(const graph::Graph& graph, const graph::Node& node) {
  const auto known = std::ranges::find(kOperators, node.op, &Operator::name);
  if (!node.domain.empty() || known == kOperators.end()) {
    const std::string domain = node.domain.empty() ? "" : text(" of domain ", node.domain);
    return malformed("the operator", domain,
                     " is not supported; docs/runtime.md lists those that are");
  }
  if (graph.opset < known->since) {
    return malformed("the operator is supported from operator set ", known->since,
                     " on, the model has ", graph.opset);
  }
  NodeReader reader(graph, node);
  for (std::size_t i = 0; i < known->min_inputs; ++i) {
    if (!reader.has_input(i)) return malformed("input ", i, " is missing");
  }
  if (node.inputs.size() > known->max_inputs) {
    return malformed("there are ", node.inputs.size(), " inputs, at most ", known->max_inputs,
                     " are wanted");
  }
  const auto made = [&](std::size_t i) { return node.outputs[i] != graph::kLeftOut; };
  const bool any = std::ranges::any_of(
      node.outputs, [](graph::ValueId output) { return output != graph::kLeftOut; });
  if (!any || (known->needs_first_output && !made(0))) return malformed("output 0 is missing");
  for (std::size_t i = known->max_outputs; i < node.outputs.size(); ++i) {
    if (made(i)) return malformed("output ", i, " is not supported");
  }
  // How operators that worked in place said so.
  if (graph.opset < 6) reader.ignore("consumed_inputs");
  KernelPointer kernel = TRY(known->make(reader));
  if (graph.opset < 7) kernel = TRY(with_old_broadcast(reader, std::move(kernel)));
  TRY(reader.finish());
  return kernel;
}

}  // namespace

std::span<const Operator> operators() { return kOperators; }

Result<KernelPointer> make_kernel(const graph::Graph& graph, const graph::Node& node) {
  return make(graph, node).context(graph.describe(node));
}

}  // namespace torchkeep::runtime::kernels
