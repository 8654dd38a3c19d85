// Split-2 to Split-18: https://onnx.ai/onnx/operators/onnx__Split.html
// Before version 13, the parts' sizes were an attribute; both forms are read.
#include "torchkeep/runtime/kernels/axis.h"
#include "torchkeep/runtime/kernels/known.h"
#include "torchkeep/runtime/kernels/operators.h"
#include "torchkeep/runtime/kernels/strided.h"

namespace torchkeep::runtime::kernels {
namespace {

class Split final : public Kernel {
 public:
  Split(std::int64_t axis, std::vector<std::int64_t> parts, std::size_t outputs)
      : axis_(axis), parts_(std::move(parts)), outputs_(outputs) {}
  bool takes_halves() const override { return true; }

  bool needs_known(std::size_t input) const override { return input == 1; }

  Result<void> plan(plan::Builder& builder) override {
    const Shape input = builder.input(0).shape;  // views are made beside it
    const std::size_t axis = TRY(resolve_axis(axis_, input.size()));
    const std::vector<std::int64_t> parts = TRY(sizes(builder, input[axis]));
    StridedCopy copy{input, row_major_strides(input), 0};
    std::int64_t first = 0;
    for (std::size_t i = 0; i < parts.size(); ++i) {
      copy.shape[axis] = parts[i];
      const bool is_view = builder.has_output(i) && builder.view_part(i, axis, first, copy.shape);
      if (builder.has_output(i) && !is_view) TRY(plan_strided(builder, copy, copy.shape, i));
      copy.start += parts[i] * copy.strides[axis];
      first += parts[i];
    }
    return {};
  }

 private:
  Result<std::vector<std::int64_t>> sizes(const plan::Builder& builder, std::int64_t size) const {
    std::vector<std::int64_t> parts = TRY(axes_of(builder, 1, parts_));
    const auto outputs = static_cast<std::int64_t>(outputs_);
    if (parts.empty()) {
      // Equal ones, of which only the last may be smaller.
      const std::int64_t each = (size + outputs - 1) / outputs;
      for (std::int64_t i = 0; i < outputs; ++i)
        parts.push_back(std::max<std::int64_t>(0, std::min(each, size - i * each)));
    }
    std::int64_t left = size;
    for (const std::int64_t part : parts) {
      if (part < 0 || part > left)
        return malformed("the parts ", describe(parts), " do not add up to ", size);
      left -= part;
    }
    if (left != 0 || parts.size() != outputs_)
      return malformed("the parts ", describe(parts), " do not add up to ", size, " in ", outputs_,
                       " outputs");
    return parts;
  }

  std::int64_t axis_;
  std::vector<std::int64_t> parts_;
  std::size_t outputs_;
};

}  // namespace

Result<KernelPointer> make_split(NodeReader& node) {
  const std::size_t outputs = node.node().outputs.size();
  const std::int64_t wanted = TRY(node.int_or("num_outputs", static_cast<std::int64_t>(outputs)));
  if (wanted != static_cast<std::int64_t>(outputs))
    return malformed("num_outputs is ", wanted, ", there are ", outputs);
  return std::make_unique<Split>(TRY(node.int_or("axis", 0)), TRY(node.ints("split")), outputs);
}

}  // namespace torchkeep::runtime::kernels
