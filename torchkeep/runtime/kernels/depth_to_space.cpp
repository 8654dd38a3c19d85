// DepthToSpace-1 to DepthToSpace-13: https://onnx.ai/onnx/operators/onnx__DepthToSpace.html
// SpaceToDepth-1, SpaceToDepth-13: https://onnx.ai/onnx/operators/onnx__SpaceToDepth.html
#include "torchkeep/runtime/kernels/operators.h"
#include "torchkeep/runtime/kernels/strided.h"

namespace torchkeep::runtime::kernels {
namespace {

/// Both cut dimensions into parts and put the parts into another order.
class Rearrangement final : public Kernel {
 public:
  Rearrangement(std::int64_t block, bool to_space, bool depth_first)
      : block_(block), to_space_(to_space), depth_first_(depth_first) {}

  Result<void> plan(plan::Builder& builder) override {
    const Shape& in = builder.input(0).shape;
    if (in.size() != 4)
      return malformed("an input of shape ", describe(in), " is no batch of images");
    const std::int64_t b = block_, area = b * b;
    Shape parts, output;
    std::vector<std::size_t> order;
    if (to_space_) {
      if (in[1] % area != 0) return malformed(in[1], " channels do not go into blocks of ", area);
      const std::int64_t channels = in[1] / area;
      parts = depth_first_ ? Shape{in[0], b, b, channels, in[2], in[3]}
                           : Shape{in[0], channels, b, b, in[2], in[3]};
      order = depth_first_ ? std::vector<std::size_t>{0, 3, 4, 1, 5, 2}
                           : std::vector<std::size_t>{0, 1, 4, 2, 5, 3};
      output = {in[0], channels, in[2] * b, in[3] * b};
    } else {
      if (in[2] % b != 0 || in[3] % b != 0)
        return malformed("an input of shape ", describe(in), " does not go into blocks of ", b);
      parts = {in[0], in[1], in[2] / b, b, in[3] / b, b};
      order = {0, 3, 5, 1, 2, 4};
      output = {in[0], in[1] * area, in[2] / b, in[3] / b};
    }
    const std::vector<std::int64_t> strides = row_major_strides(parts);
    StridedCopy copy;
    for (const std::size_t part : order) {
      copy.shape.push_back(parts[part]);
      copy.strides.push_back(strides[part]);
    }
    return plan_strided(builder, copy, std::move(output));
  }

 private:
  std::int64_t block_;
  bool to_space_, depth_first_;
};

Result<std::int64_t> block_of(NodeReader& node) {
  const std::int64_t block = TRY(node.int_or("blocksize", 0));
  if (block < 1 || block > 65536)
    return malformed("blocksize is ", block, ", wanted is 1 to 65536");
  return block;
}

}  // namespace

Result<KernelPointer> make_depth_to_space(NodeReader& node) {
  const std::string_view mode = TRY(node.text_or("mode", "DCR"));
  if (mode != "DCR" && mode != "CRD") return malformed("mode is \"", mode, "\"");
  return std::make_unique<Rearrangement>(TRY(block_of(node)), true, mode == "DCR");
}
Result<KernelPointer> make_space_to_depth(NodeReader& node) {
  return std::make_unique<Rearrangement>(TRY(block_of(node)), false, true);
}

}  // namespace torchkeep::runtime::kernels
