// Of whole tensors: elements that move, dimensions that are summed, places that are looked up.
#include <array>

#include "torchkeep/runtime/kernels/operator_tables.h"
#include "torchkeep/runtime/kernels/operators.h"

namespace torchkeep::runtime::kernels {
namespace {

constexpr std::array kOperators{
    Operator{"AffineGrid", 20, 2, 2, 1, make_affine_grid},
    Operator{"ArgMax", 1, 1, 1, 1, make_arg_max},
    Operator{"ArgMin", 1, 1, 1, 1, make_arg_min},
    Operator{"CenterCropPad", 18, 2, 2, 1, make_center_crop_pad},
    Operator{"Col2Im", 18, 3, 3, 1, make_col2_im},
    Operator{"Compress", 9, 2, 2, 1, make_compress},
    Operator{"Concat", 1, 1, kMany, 1, make_concat},
    Operator{"ConstantOfShape", 9, 1, 1, 1, make_constant_of_shape},
    Operator{"CumSum", 11, 2, 2, 1, make_cum_sum},
    Operator{"DepthToSpace", 1, 1, 1, 1, make_depth_to_space},
    Operator{"Det", 11, 1, 1, 1, make_det},
    Operator{"Expand", 8, 2, 2, 1, make_expand},
    Operator{"EyeLike", 9, 1, 1, 1, make_eye_like},
    Operator{"Flatten", 1, 1, 1, 1, make_flatten},
    Operator{"Gather", 1, 2, 3, 1, make_gather},  // 3: of a quantised table
    Operator{"GatherElements", 11, 2, 2, 1, make_gather_elements},
    Operator{"GatherND", 11, 2, 2, 1, make_gather_nd},
    Operator{"GridSample", 16, 2, 2, 1, make_grid_sample},
    Operator{"NonMaxSuppression", 10, 2, 5, 1, make_non_max_suppression},
    Operator{"NonZero", 9, 1, 1, 1, make_non_zero},
    Operator{"OneHot", 9, 3, 3, 1, make_one_hot},
    Operator{"Pad", 1, 1, 4, 1, make_pad},
    Operator{"Range", 11, 3, 3, 1, make_range},
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
    Operator{"Reshape", 1, 1, 2, 1, make_reshape},
    Operator{"Resize", 10, 1, 4, 1, make_resize},
    Operator{"ReverseSequence", 10, 2, 2, 1, make_reverse_sequence},
    Operator{"RoiAlign", 10, 3, 3, 1, make_roi_align},
    Operator{"Scatter", 9, 3, 3, 1, make_scatter_elements},
    Operator{"ScatterElements", 11, 3, 3, 1, make_scatter_elements},
    Operator{"ScatterND", 11, 3, 3, 1, make_scatter_nd},
    Operator{"Shape", 1, 1, 1, 1, make_shape},
    Operator{"Size", 1, 1, 1, 1, make_size},
    Operator{"Slice", 1, 1, 5, 1, make_slice},
    Operator{"SpaceToDepth", 1, 1, 1, 1, make_space_to_depth},
    Operator{"Split", 1, 1, 2, kMany, make_split},
    Operator{"Squeeze", 1, 1, 2, 1, make_squeeze},
    Operator{"Tile", 6, 2, 2, 1, make_tile},
    Operator{"TopK", 1, 1, 2, 2, make_top_k},
    Operator{"Transpose", 1, 1, 1, 1, make_transpose},
    Operator{"Trilu", 14, 1, 2, 1, make_trilu},
    Operator{"Unique", 11, 1, 1, 4, make_unique_elements, false},
    Operator{"Unsqueeze", 1, 1, 2, 1, make_unsqueeze},
    Operator{"Upsample", 7, 1, 2, 1, make_upsample},
};

}  // namespace

std::span<const Operator> tensor_operators() { return kOperators; }

}  // namespace torchkeep::runtime::kernels
