// Add, Sub, Mul, Div, versions 1 to 14: https://onnx.ai/onnx/operators/onnx__Add.html and its
// neighbours.
#include <algorithm>
#include <atomic>

#include "torchkeep/runtime/kernels/axis.h"
#include "torchkeep/runtime/kernels/channels.h"
#include "torchkeep/runtime/kernels/operators.h"
#include "torchkeep/runtime/kernels/spread.h"

namespace torchkeep::runtime::kernels {
namespace {

using dnn::BinaryKind;

/// What integers wrap around in: at least as wide as int, which narrower ones would be made
/// otherwise, sign and all.
template <typename T>
using Wrapping = std::common_type_t<std::make_unsigned_t<T>, unsigned>;

struct Sum {
  template <typename T>
  T operator()(T left, T right) const {
    if constexpr (std::is_floating_point_v<T>)
      return left + right;
    else
      return static_cast<T>(Wrapping<T>(left) + Wrapping<T>(right));
  }
};
struct Difference {
  template <typename T>
  T operator()(T left, T right) const {
    if constexpr (std::is_floating_point_v<T>)
      return left - right;
    else
      return static_cast<T>(Wrapping<T>(left) - Wrapping<T>(right));
  }
};
struct Product {
  template <typename T>
  T operator()(T left, T right) const {
    if constexpr (std::is_floating_point_v<T>)
      return left * right;
    else
      return static_cast<T>(Wrapping<T>(left) * Wrapping<T>(right));
  }
};

template <typename T>
plan::Action division(const Broadcast& walk) {
  if constexpr (std::is_floating_point_v<T>) {
    return spread<T, T>(walk, [](T left, T right) { return left / right; });
  } else {
    return [walk](std::span<std::byte* const> memory, Pool& pool) -> Result<void> {
      std::atomic<bool> fault{false};
      const plan::Action rows = spread<T, T>(walk, [&fault](T left, T right) -> T {
        if (right == 0) {
          fault = true;
          return 0;
        }
        // The least number has no opposite; dividing it by -1 would trap.
        if (std::is_signed_v<T> && right == static_cast<T>(-1)) return Difference()(T{0}, left);
        return static_cast<T>(left / right);
      });
      TRY(rows(memory, pool));
      if (fault) return malformed("an integer is divided by zero");
      return {};
    };
  }
}

template <typename T>
plan::Action action_of(BinaryKind kind, const Broadcast& walk) {
  switch (kind) {
    case BinaryKind::Add: return spread<T, T>(walk, Sum());
    case BinaryKind::Sub: return spread<T, T>(walk, Difference());
    case BinaryKind::Mul: return spread<T, T>(walk, Product());
    default: return division<T>(walk);
  }
}

// Elements that a loop of our own is done with sooner than a primitive is made, which each new
// length of a sequence would pay.
constexpr std::uint64_t kFew = 4096;

class Arithmetic final : public Kernel {
 public:
  explicit Arithmetic(BinaryKind kind) : kind_(kind) {}

  Result<void> plan(plan::Builder& builder) override {
    const plan::Operand& left = builder.input(0);
    const plan::Operand& right = builder.input(1);
    if (left.dtype != right.dtype) {
      return malformed("inputs are ", name_of(left.dtype), " and ", name_of(right.dtype));
    }
    if (left.dtype == DataType::Float32 && left.shape == right.shape) return plan_same(builder);
    if (is_of_channels(left, right)) return plan_channels(builder, 0);
    const bool turns = kind_ == BinaryKind::Add || kind_ == BinaryKind::Mul;
    if (turns && is_of_channels(right, left)) return plan_channels(builder, 1);
    return plan_spread(
        builder, NumberTypes(), std::nullopt,
        [&]<typename T>(const Broadcast& walk) { return action_of<T>(kind_, walk); });
  }

 private:
  /// Element by element wherever they lie, as long as both sides lie alike.
  Result<void> plan_same(plan::Builder& builder) const {
    const Shape shape = builder.input(0).shape;
    dnn::Layout layout = builder.input(0).layout;
    if (layout.is_plain() && kind_ != BinaryKind::Div) layout = builder.input(1).layout;
    if (layout.is_padded() && kind_ == BinaryKind::Div) layout = {};  // 0 / 0 in the padding
    const bool is_few = layout.is_plain() && TRY(element_count(shape)) <= kFew;
    dnn::Planned planned;
    if (!is_few)
      planned = TRY(dnn::make_binary(builder.machine(), kind_, shape, layout, shape, layout));
    const bool in_place = layout == builder.input(0).layout && builder.may_overwrite(0);
    const plan::BufferId first = TRY(builder.read(0, layout)),
                         second = TRY(builder.read(1, layout));
    const plan::BufferId output = in_place
                                      ? builder.write_over(0, 0, DataType::Float32, shape)
                                      : TRY(builder.write(0, DataType::Float32, shape, layout));
    if (!is_few) return builder.step({first, second, output}, std::move(planned.primitive));
    builder.step({first, second, output}, action_of<float>(kind_, Broadcast(shape, shape, shape)));
    return {};
  }

  /// One number a channel meets a tensor that lies in an order of some primitive's: a gate of
  /// squeeze-and-excitation, which would otherwise cost two reorders.
  bool is_of_channels(const plan::Operand& all, const plan::Operand& each) const {
    if (all.dtype != DataType::Float32 || all.layout.is_plain() || all.layout.is_padded() ||
        kind_ == BinaryKind::Div || all.shape.size() < 3 || all.shape.size() != each.shape.size())
      return false;
    const bool every = each.shape[0] == 1 || each.shape[0] == all.shape[0];
    return every && each.shape[1] == all.shape[1] &&
           std::all_of(each.shape.begin() + 2, each.shape.end(),
                       [](std::int64_t size) { return size == 1; });
  }

  /// `all`: which input is the whole tensor.
  Result<void> plan_channels(plan::Builder& builder, std::size_t all) const {
    const Shape shape = builder.input(all).shape;
    const dnn::Layout layout = builder.input(all).layout;
    const Shape each = builder.input(1 - all).shape;
    const plan::BufferId whole = TRY(builder.read(all, layout)),
                         channels = TRY(builder.read(1 - all));
    const plan::BufferId output = builder.may_overwrite(all)
                                      ? builder.write_over(0, all, DataType::Float32, shape)
                                      : TRY(builder.write(0, DataType::Float32, shape, layout));
    if (layout == dnn::channels_last(shape)) {
      builder.step({whole, channels, output}, combine(shape, each[0] == shape[0]));
      return {};
    }
    dnn::Planned planned = TRY(dnn::make_binary(builder.machine(), kind_, shape, layout, each, {}));
    return builder.step({whole, channels, output}, std::move(planned.primitive));
  }

  /// `own`: each image has numbers of its own.
  plan::Action combine(const Shape& shape, bool own) const {
    const std::size_t images = extent(shape, 0, 1), channels = extent(shape, 1, 2),
                      places = extent(shape, 2, shape.size());
    return [=, kind = kind_](std::span<std::byte* const> memory, Pool& pool) -> Result<void> {
      for (std::size_t n = 0; n < images; ++n) {
        const float* all = source<float>(memory, 0) + n * places * channels;
        const float* each = source<float>(memory, 1) + (own ? n * channels : 0);
        float* to = target<float>(memory, 2) + n * places * channels;
        pool.parallel_for(places, rows_a_thread(channels), [&](std::size_t begin, std::size_t end) {
          combine_channels(kind, all + begin * channels, each, to + begin * channels, end - begin,
                           channels);
        });
      }
      return {};
    };
  }

  BinaryKind kind_;
};

}  // namespace

Result<KernelPointer> make_add(NodeReader& node) {
  if (node.node().quantised) return make_quantised_add(node);
  return std::make_unique<Arithmetic>(BinaryKind::Add);
}
Result<KernelPointer> make_sub(NodeReader&) {
  return std::make_unique<Arithmetic>(BinaryKind::Sub);
}
Result<KernelPointer> make_mul(NodeReader& node) {
  if (node.node().quantised) return make_quantised_gate(node);
  return std::make_unique<Arithmetic>(BinaryKind::Mul);
}
Result<KernelPointer> make_div(NodeReader&) {
  return std::make_unique<Arithmetic>(BinaryKind::Div);
}

}  // namespace torchkeep::runtime::kernels
