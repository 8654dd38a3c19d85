// Size-1 to Size-21: https://onnx.ai/onnx/operators/onnx__Size.html
#include "torchkeep/runtime/kernels/operators.h"

namespace torchkeep::runtime::kernels {
namespace {

class Size final : public Kernel {
 public:
  bool takes_halves() const override { return true; }
  bool looks_at_shapes_only() const override { return true; }

  Result<void> plan(plan::Builder& builder) override {
    const std::uint64_t count = TRY(element_count(builder.input(0).shape));
    std::shared_ptr<graph::Constant> known = TRY(graph::Constant::make(DataType::Int64, {}));
    known->elements<std::int64_t>()[0] = static_cast<std::int64_t>(count);
    builder.know(0, std::move(known));
    return {};
  }
};

}  // namespace

Result<KernelPointer> make_size(NodeReader&) { return std::make_unique<Size>(); }

}  // namespace torchkeep::runtime::kernels
