// Shape-1 to Shape-21: https://onnx.ai/onnx/operators/onnx__Shape.html
#include <algorithm>

#include "torchkeep/runtime/kernels/operators.h"

namespace torchkeep::runtime::kernels {
namespace {

class ShapeOf final : public Kernel {
 public:
  ShapeOf(std::int64_t start, std::optional<std::int64_t> end) : start_(start), end_(end) {}
  bool takes_halves() const override { return true; }

  bool looks_at_shapes_only() const override { return true; }

  Result<void> plan(plan::Builder& builder) override {
    const Shape& shape = builder.input(0).shape;
    const auto rank = static_cast<std::int64_t>(shape.size());
    const auto place = [&](std::int64_t index) {
      return std::clamp<std::int64_t>(index < 0 ? index + rank : index, 0, rank);
    };
    const std::int64_t begin = place(start_), end = std::max(begin, place(end_.value_or(rank)));
    // Of one length of a sequence and the next, most shapes are the same.
    const std::span<const std::int64_t> wanted(shape.begin() + begin, shape.begin() + end);
    if (!last_ || !std::ranges::equal(last_sizes_, wanted)) {
      const auto made = TRY(graph::Constant::make(DataType::Int64, {end - begin}));
      std::ranges::copy(wanted, made->elements<std::int64_t>().begin());
      last_ = made;
      last_sizes_.assign(wanted.begin(), wanted.end());
    }
    builder.know(0, last_);
    return {};
  }

 private:
  std::int64_t start_;
  std::optional<std::int64_t> end_;
  std::shared_ptr<const graph::Constant> last_;
  Shape last_sizes_;  ///< Its elements.
};

}  // namespace

Result<KernelPointer> make_shape(NodeReader& node) {
  const std::int64_t start = TRY(node.int_or("start", 0)), end = TRY(node.int_or("end", 0));
  return std::make_unique<ShapeOf>(start, node.has("end") ? std::optional(end) : std::nullopt);
}

}  // namespace torchkeep::runtime::kernels
