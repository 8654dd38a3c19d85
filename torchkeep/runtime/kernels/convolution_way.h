#pragma once

#include "torchkeep/runtime/kernels/packed.h"

/// The loops that a convolution can run in.
namespace torchkeep::runtime::kernels {

enum class ConvolutionWay { Primitive, Tiles, Winograd };

/// The fastest. `weights`: null if they are no parameters, for which there is only oneDNN's
/// primitive; once packed they are not packed in another way for other shapes.
ConvolutionWay choose_way(plan::Builder& builder, const dnn::Convolution& convolution,
                          const Packed* weights);

}  // namespace torchkeep::runtime::kernels
