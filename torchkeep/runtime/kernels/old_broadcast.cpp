#include "torchkeep/runtime/kernels/old_broadcast.h"

#include <algorithm>
#include <array>

#include "torchkeep/runtime/kernels/axis.h"

namespace torchkeep::runtime::kernels {
namespace {

constexpr std::array<std::string_view, 11> kBinary = {
    "Add", "Sub", "Mul", "Div", "Pow", "Equal", "Greater", "Less", "And", "Or", "Xor"};

class OldBroadcast final : public Kernel {
 public:
  OldBroadcast(KernelPointer kernel, bool spreads, std::optional<std::int64_t> axis)
      : kernel_(std::move(kernel)), spreads_(spreads), axis_(axis) {}

  Result<void> plan(plan::Builder& builder) override {
    const Shape left = builder.input(0).shape, right = builder.input(1).shape;
    if (left == right) return kernel_->plan(builder);
    if (!spreads_)
      return malformed("shapes ", describe(left), " and ", describe(right),
                       " differ and broadcast is 0");
    if (right.size() > left.size())
      return malformed("shapes ", describe(left), " and ", describe(right), " do not fit");
    const std::size_t last = left.size() - right.size();
    const std::size_t first =
        axis_ && !right.empty() ? TRY(resolve_axis(*axis_, left.size())) : last;
    if (first > last)
      return malformed("a shape of ", describe(right), " does not fit ", describe(left),
                       " from dimension ", first, " on");
    Shape seen = right;
    seen.resize(left.size() - first, 1);
    for (std::size_t i = 0; i < seen.size(); ++i) {
      if (seen[i] != 1 && seen[i] != left[first + i])
        return malformed("shapes ", describe(left), " and ", describe(right), " do not fit");
    }
    if (seen == right) return kernel_->plan(builder);
    return builder.plan_reshaped(1, std::move(seen), *kernel_);
  }

 private:
  KernelPointer kernel_;
  bool spreads_;
  std::optional<std::int64_t> axis_;
};

}  // namespace

Result<KernelPointer> with_old_broadcast(NodeReader& node, KernelPointer kernel) {
  const std::string_view op = node.node().op;
  if (op == "PRelu") return std::make_unique<OldBroadcast>(std::move(kernel), true, 1);
  if (std::ranges::find(kBinary, op) == kBinary.end()) return kernel;
  const bool spreads = TRY(node.int_or("broadcast", 0)) != 0;
  std::optional<std::int64_t> axis;
  if (node.has("axis")) axis = TRY(node.int_or("axis", 0));
  return std::make_unique<OldBroadcast>(std::move(kernel), spreads, axis);
}

}  // namespace torchkeep::runtime::kernels
