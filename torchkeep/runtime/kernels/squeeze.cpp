// Squeeze-13, Unsqueeze-13: https://onnx.ai/onnx/operators/onnx__Squeeze.html
// Before version 13, axes were an attribute; both forms are read.
#include <algorithm>

#include "torchkeep/runtime/graph/parse.h"
#include "torchkeep/runtime/kernels/axis.h"
#include "torchkeep/runtime/kernels/operators.h"

namespace torchkeep::runtime::kernels {
namespace {

/// Axes are counted in the shape that has the dimensions of 1.
class Squeeze final : public Kernel {
 public:
  Squeeze(std::vector<std::int64_t> axes, bool inserts)
      : axes_(std::move(axes)), inserts_(inserts) {}
  bool takes_halves() const override { return true; }

  bool needs_known(std::size_t input) const override { return input == 1; }

  Result<void> plan(plan::Builder& builder) override {
    const Shape& input = builder.input(0).shape;
    std::vector<std::int64_t> axes = axes_;
    if (builder.has_input(1)) {
      if (!builder.input(1).constant)
        return malformed("the axes are computed, which is not supported");
      axes = TRY(graph::to_ints(*builder.input(1).constant));
    }
    const std::size_t rank = inserts_ ? input.size() + axes.size() : input.size();
    if (rank > onnx::kMaxRank) return malformed("more than ", onnx::kMaxRank, " dimensions");
    std::vector<bool> chosen(rank, false);
    for (const std::int64_t axis : axes) {
      const std::size_t index = TRY(resolve_axis(axis, rank));
      if (chosen[index]) return malformed("axis ", axis, " is named twice");
      chosen[index] = true;
    }
    Shape output;
    output.reserve(rank);
    std::size_t next = 0;
    for (std::size_t i = 0; i < rank; ++i) {
      if (inserts_) {
        output.push_back(chosen[i] ? 1 : input[next++]);
      } else if (axes.empty() ? input[i] != 1 : !chosen[i]) {
        output.push_back(input[i]);
      } else if (input[i] != 1) {
        return malformed("dimension ", i, " of ", describe(input), " is not 1");
      }
    }
    return builder.view(0, 0, std::move(output));
  }

 private:
  std::vector<std::int64_t> axes_;
  bool inserts_;
};

}  // namespace

Result<KernelPointer> make_squeeze(NodeReader& node) {
  return std::make_unique<Squeeze>(TRY(node.ints("axes")), false);
}
Result<KernelPointer> make_unsqueeze(NodeReader& node) {
  if (!node.has("axes") && !node.has_input(1)) return malformed("there are no axes");
  return std::make_unique<Squeeze>(TRY(node.ints("axes")), true);
}

}  // namespace torchkeep::runtime::kernels
