// Of each element, or of elements of several tensors that are spread over each other.
#include <array>

#include "torchkeep/runtime/kernels/operator_tables.h"
#include "torchkeep/runtime/kernels/operators.h"

namespace torchkeep::runtime::kernels {
namespace {

constexpr std::array kOperators{
    Operator{"Abs", 1, 1, 1, 1, make_abs},
    Operator{"Acos", 7, 1, 1, 1, make_acos},
    Operator{"Acosh", 9, 1, 1, 1, make_acosh},
    Operator{"Add", 1, 2, 2, 1, make_add},
    Operator{"And", 1, 2, 2, 1, make_and},
    Operator{"Asin", 7, 1, 1, 1, make_asin},
    Operator{"Asinh", 9, 1, 1, 1, make_asinh},
    Operator{"Atan", 7, 1, 1, 1, make_atan},
    Operator{"Atanh", 9, 1, 1, 1, make_atanh},
    Operator{"BitShift", 11, 2, 2, 1, make_bit_shift},
    Operator{"BitwiseAnd", 18, 2, 2, 1, make_bitwise_and},
    Operator{"BitwiseNot", 18, 1, 1, 1, make_bitwise_not},
    Operator{"BitwiseOr", 18, 2, 2, 1, make_bitwise_or},
    Operator{"BitwiseXor", 18, 2, 2, 1, make_bitwise_xor},
    Operator{"Cast", 6, 1, 1, 1, make_cast},
    Operator{"CastLike", 15, 2, 2, 1, make_cast_like},
    Operator{"Ceil", 1, 1, 1, 1, make_ceil},
    Operator{"Celu", 12, 1, 1, 1, make_celu},
    Operator{"Clip", 1, 1, 3, 1, make_clip},
    Operator{"Cos", 7, 1, 1, 1, make_cos},
    Operator{"Cosh", 9, 1, 1, 1, make_cosh},
    Operator{"Div", 1, 2, 2, 1, make_div},
    Operator{"Elu", 1, 1, 1, 1, make_elu},
    Operator{"Equal", 1, 2, 2, 1, make_equal},
    Operator{"Erf", 9, 1, 1, 1, make_erf},
    Operator{"Exp", 1, 1, 1, 1, make_exp},
    Operator{"Floor", 1, 1, 1, 1, make_floor},
    Operator{"Gelu", 20, 1, 1, 1, make_gelu},
    Operator{"Greater", 1, 2, 2, 1, make_greater},
    Operator{"GreaterOrEqual", 12, 2, 2, 1, make_greater_or_equal},
    Operator{"HardSigmoid", 1, 1, 1, 1, make_hard_sigmoid},
    Operator{"HardSwish", 14, 1, 1, 1, make_hard_swish},
    Operator{"Identity", 1, 1, 1, 1, make_identity},
    Operator{"IsInf", 10, 1, 1, 1, make_is_inf},
    Operator{"IsNaN", 9, 1, 1, 1, make_is_nan},
    Operator{"LeakyRelu", 1, 1, 1, 1, make_leaky_relu},
    Operator{"Less", 1, 2, 2, 1, make_less},
    Operator{"LessOrEqual", 12, 2, 2, 1, make_less_or_equal},
    Operator{"Log", 1, 1, 1, 1, make_log},
    Operator{"Max", 1, 1, kMany, 1, make_max},
    Operator{"Mean", 1, 1, kMany, 1, make_mean},
    Operator{"Min", 1, 1, kMany, 1, make_min},
    Operator{"Mish", 18, 1, 1, 1, make_mish},
    Operator{"Mod", 10, 2, 2, 1, make_mod},
    Operator{"Mul", 1, 2, 2, 1, make_mul},
    Operator{"Neg", 1, 1, 1, 1, make_neg},
    Operator{"Not", 1, 1, 1, 1, make_not},
    Operator{"Or", 1, 2, 2, 1, make_or},
    Operator{"PRelu", 1, 2, 2, 1, make_p_relu},
    Operator{"Pow", 1, 2, 2, 1, make_pow},
    Operator{"Reciprocal", 1, 1, 1, 1, make_reciprocal},
    Operator{"Relu", 1, 1, 1, 1, make_relu},
    Operator{"Round", 11, 1, 1, 1, make_round},
    Operator{"Selu", 1, 1, 1, 1, make_selu},
    Operator{"Shrink", 9, 1, 1, 1, make_shrink},
    Operator{"Sigmoid", 1, 1, 1, 1, make_sigmoid},
    Operator{"Sign", 9, 1, 1, 1, make_sign},
    Operator{"Sin", 7, 1, 1, 1, make_sin},
    Operator{"Sinh", 9, 1, 1, 1, make_sinh},
    Operator{"Softplus", 1, 1, 1, 1, make_softplus},
    Operator{"Softsign", 1, 1, 1, 1, make_softsign},
    Operator{"Sqrt", 1, 1, 1, 1, make_sqrt},
    Operator{"Sub", 1, 2, 2, 1, make_sub},
    Operator{"Sum", 1, 1, kMany, 1, make_sum},
    Operator{"Tan", 7, 1, 1, 1, make_tan},
    Operator{"Tanh", 1, 1, 1, 1, make_tanh},
    Operator{"ThresholdedRelu", 10, 1, 1, 1, make_thresholded_relu},
    Operator{"Where", 9, 3, 3, 1, make_where},
    Operator{"Xor", 1, 2, 2, 1, make_xor},
};

}  // namespace

std::span<const Operator> element_operators() { return kOperators; }

}  // namespace torchkeep::runtime::kernels
