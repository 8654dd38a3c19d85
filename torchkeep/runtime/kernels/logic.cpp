// And, Or, Xor, Not, versions 1 to 7: https://onnx.ai/onnx/operators/onnx__And.html
// BitwiseAnd, BitwiseOr, BitwiseXor, BitwiseNot, version 18, and BitShift-11:
// https://onnx.ai/onnx/operators/onnx__BitwiseAnd.html
#include "torchkeep/runtime/kernels/map.h"
#include "torchkeep/runtime/kernels/operators.h"
#include "torchkeep/runtime/kernels/spread.h"

namespace torchkeep::runtime::kernels {
namespace {

using UnsignedTypes = Types<std::uint8_t, std::uint16_t, std::uint32_t, std::uint64_t>;
using IntegerTypes = Types<std::int64_t, std::int32_t, std::int16_t, std::int8_t, std::uint8_t,
                           std::uint16_t, std::uint32_t, std::uint64_t>;

/// A function of two truth values.
template <typename F>
class Logic final : public Kernel {
 public:
  Result<void> plan(plan::Builder& builder) override {
    return plan_spread(builder, Types<Truth>(), DataType::Bool,
                       []<typename T>(const Broadcast& walk) {
                         return spread<T, Truth>(walk, [](Truth left, Truth right) {
                           return Truth{F()(is_true(left), is_true(right))};
                         });
                       });
  }
};

/// A function of two integers' bits.
template <typename List, typename F>
class Bits final : public Kernel {
 public:
  explicit Bits(F f) : f_(f) {}
  Result<void> plan(plan::Builder& builder) override {
    return plan_spread(builder, List(), std::nullopt,
                       [&]<typename T>(const Broadcast& walk) { return spread<T, T>(walk, f_); });
  }

 private:
  F f_;
};

template <typename List, typename F>
KernelPointer make_bits(F f) {
  return std::make_unique<Bits<List, F>>(f);
}

}  // namespace

Result<KernelPointer> make_and(NodeReader&) {
  return std::make_unique<Logic<std::logical_and<>>>();
}
Result<KernelPointer> make_or(NodeReader&) { return std::make_unique<Logic<std::logical_or<>>>(); }
Result<KernelPointer> make_xor(NodeReader&) {
  return std::make_unique<Logic<std::not_equal_to<>>>();
}
Result<KernelPointer> make_not(NodeReader&) {
  return make_map<Types<Truth>>([](Truth x) { return Truth{!is_true(x)}; });
}

Result<KernelPointer> make_bitwise_and(NodeReader&) {
  return make_bits<IntegerTypes>(
      []<typename T>(T left, T right) { return static_cast<T>(left & right); });
}
Result<KernelPointer> make_bitwise_or(NodeReader&) {
  return make_bits<IntegerTypes>(
      []<typename T>(T left, T right) { return static_cast<T>(left | right); });
}
Result<KernelPointer> make_bitwise_xor(NodeReader&) {
  return make_bits<IntegerTypes>(
      []<typename T>(T left, T right) { return static_cast<T>(left ^ right); });
}
Result<KernelPointer> make_bitwise_not(NodeReader&) {
  return make_map<IntegerTypes>([]<typename T>(T x) { return static_cast<T>(~x); });
}
Result<KernelPointer> make_bit_shift(NodeReader& node) {
  const std::string_view direction = TRY(node.text_or("direction", ""));
  // Shifts beyond the type's width leave nothing, where C++ says nothing.
  if (direction == "LEFT") {
    return make_bits<UnsignedTypes>([]<typename T>(T left, T right) {
      return right >= sizeof(T) * 8 ? T{0}
                                    : static_cast<T>(static_cast<std::uint64_t>(left) << right);
    });
  }
  if (direction != "RIGHT")
    return malformed("direction is \"", direction, "\", wanted is LEFT or RIGHT");
  return make_bits<UnsignedTypes>([]<typename T>(T left, T right) {
    return right >= sizeof(T) * 8 ? T{0}
                                  : static_cast<T>(static_cast<std::uint64_t>(left) >> right);
  });
}

}  // namespace torchkeep::runtime::kernels
