// Add, Sub, Mul, Div, versions 7 to 14: https://onnx.ai/onnx/operators/onnx__Add.html and its
// neighbours.
#include <atomic>
#include <limits>

#include "torchkeep/runtime/kernels/broadcast.h"
#include "torchkeep/runtime/kernels/operators.h"

namespace torchkeep::runtime::kernels {
namespace {

using dnn::BinaryKind;

/// Integers wrap around, as the standard leaves it to the machine; a division that the machine
/// cannot do is noted in `fault`.
template <typename T>
T compute(BinaryKind kind, T left, T right, bool& fault) {
  if constexpr (std::is_integral_v<T>) {
    // At least as wide as int, which narrower ones would be made otherwise, sign and all.
    using Unsigned = std::common_type_t<std::make_unsigned_t<T>, unsigned>;
    const auto first = static_cast<Unsigned>(left), second = static_cast<Unsigned>(right);
    switch (kind) {
      case BinaryKind::Add: return static_cast<T>(first + second);
      case BinaryKind::Sub: return static_cast<T>(first - second);
      case BinaryKind::Mul: return static_cast<T>(first * second);
      default: break;
    }
    fault |= right == 0;
    if (right == 0) return 0;
    if (std::is_signed_v<T> && right == static_cast<T>(-1)) {
      return static_cast<T>(Unsigned{0} - first);  // the least number has no opposite
    }
    return static_cast<T>(left / right);
  } else {
    switch (kind) {
      case BinaryKind::Add: return left + right;
      case BinaryKind::Sub: return left - right;
      case BinaryKind::Mul: return left * right;
      default: return left / right;
    }
  }
}

template <typename T>
plan::Action action_of(BinaryKind kind, const Broadcast& walk) {
  return [kind, walk](std::span<std::byte* const> memory, Pool& pool) -> Result<void> {
    const auto* left = reinterpret_cast<const T*>(memory[0]);
    const auto* right = reinterpret_cast<const T*>(memory[1]);
    auto* output = reinterpret_cast<T*>(memory[2]);
    std::atomic<bool> faulty{false};
    const std::size_t grain = 1 + 16384 / std::max<std::size_t>(walk.columns(), 1);
    pool.parallel_for(walk.rows(), grain, [&](std::size_t begin, std::size_t end) {
      bool fault = false;
      for (std::size_t row = begin; row < end; ++row) {
        const auto [first, second] = walk.start_of(row);
        for (std::size_t i = 0; i < walk.columns(); ++i) {
          output[row * walk.columns() + i] = compute(kind, left[first + i * walk.left_step()],
                                                     right[second + i * walk.right_step()], fault);
        }
      }
      if (fault) faulty = true;
    });
    if (faulty) return malformed("an integer is divided by zero");
    return {};
  };
}

class Arithmetic final : public Kernel {
 public:
  explicit Arithmetic(BinaryKind kind) : kind_(kind) {}

  Result<void> plan(plan::Builder& builder) override {
    const plan::Operand& left = builder.input(0);
    const plan::Operand& right = builder.input(1);
    if (left.dtype != right.dtype) {
      return malformed("inputs are ", name_of(left.dtype), " and ", name_of(right.dtype));
    }
    const DataType dtype = left.dtype;
    const Shape output = TRY(broadcast_shapes(left.shape, right.shape));
    if (dtype == DataType::Float32 && left.shape == right.shape) return plan_same(builder);
    const Broadcast walk(left.shape, right.shape, output);
    plan::Action action;
    switch (dtype) {
      case DataType::Float32: action = action_of<float>(kind_, walk); break;
      case DataType::Float64: action = action_of<double>(kind_, walk); break;
      case DataType::Int32: action = action_of<std::int32_t>(kind_, walk); break;
      case DataType::Int64: action = action_of<std::int64_t>(kind_, walk); break;
      case DataType::Int8: action = action_of<std::int8_t>(kind_, walk); break;
      case DataType::UInt8: action = action_of<std::uint8_t>(kind_, walk); break;
      default: return malformed(name_of(dtype), " is not supported");
    }
    const plan::BufferId first = TRY(builder.read(0)), second = TRY(builder.read(1));
    builder.step({first, second, TRY(builder.write(0, dtype, output))}, std::move(action));
    return {};
  }

 private:
  /// Element by element wherever they lie, as long as both sides lie alike.
  Result<void> plan_same(plan::Builder& builder) const {
    const Shape shape = builder.input(0).shape;
    dnn::Layout layout = builder.input(0).layout;
    if (layout.is_plain() && kind_ != BinaryKind::Div) layout = builder.input(1).layout;
    if (layout.is_padded() && kind_ == BinaryKind::Div) layout = {};  // 0 / 0 in the padding
    dnn::Planned planned =
        TRY(dnn::make_binary(builder.machine(), kind_, shape, layout, shape, layout));
    const bool in_place = layout == builder.input(0).layout && builder.may_overwrite(0);
    const plan::BufferId first = TRY(builder.read(0, layout)),
                         second = TRY(builder.read(1, layout));
    const plan::BufferId output = in_place
                                      ? builder.write_over(0, 0, DataType::Float32, shape)
                                      : TRY(builder.write(0, DataType::Float32, shape, layout));
    return builder.step({first, second, output}, std::move(planned.primitive));
  }

  BinaryKind kind_;
};

}  // namespace

Result<KernelPointer> make_add(NodeReader&) {
  return std::make_unique<Arithmetic>(BinaryKind::Add);
}
Result<KernelPointer> make_sub(NodeReader&) {
  return std::make_unique<Arithmetic>(BinaryKind::Sub);
}
Result<KernelPointer> make_mul(NodeReader&) {
  return std::make_unique<Arithmetic>(BinaryKind::Mul);
}
Result<KernelPointer> make_div(NodeReader&) {
  return std::make_unique<Arithmetic>(BinaryKind::Div);
}

}  // namespace torchkeep::runtime::kernels
