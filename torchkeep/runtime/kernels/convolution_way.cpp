#include "torchkeep/runtime/kernels/convolution_way.h"

#include "torchkeep/runtime/kernels/tiled_convolution.h"
#include "torchkeep/runtime/kernels/winograd_convolution.h"

namespace torchkeep::runtime::kernels {

ConvolutionWay choose_way(plan::Builder& builder, const dnn::Convolution& convolution,
                          const Packed* weights) {
  if (weights == nullptr) return ConvolutionWay::Primitive;
  if (weights->is_in_own_order()) return ConvolutionWay::Winograd;
  const std::optional<dnn::Layout> layout = weights->layout();
  if (!layout && fits_winograd(convolution) && is_better_by_winograd(convolution) &&
      builder.machine().shelf().allow_growth(winograd_growth(convolution)))
    return ConvolutionWay::Winograd;
  if (!goes_into_tiles(convolution)) return ConvolutionWay::Primitive;
  const bool tiles =
      layout ? *layout == dnn::filter_panels(convolution.weights) : is_better_in_tiles(convolution);
  return tiles ? ConvolutionWay::Tiles : ConvolutionWay::Primitive;
}

}  // namespace torchkeep::runtime::kernels
