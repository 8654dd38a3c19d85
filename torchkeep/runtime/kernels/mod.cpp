// Mod-10, Mod-13: https://onnx.ai/onnx/operators/onnx__Mod.html
#include <atomic>
#include <cmath>

#include "torchkeep/runtime/kernels/operators.h"
#include "torchkeep/runtime/kernels/spread.h"

namespace torchkeep::runtime::kernels {
namespace {

/// With `fmod` the sign is the dividend's, otherwise the divisor's.
template <typename T>
T remainder(T left, T right, bool fmod, std::atomic<bool>& fault) {
  if constexpr (std::is_floating_point_v<T>) {
    return std::fmod(left, right);
  } else {
    if (right == 0) {
      fault = true;
      return 0;
    }
    if (std::is_signed_v<T> && right == static_cast<T>(-1)) return 0;
    const T rest = static_cast<T>(left % right);
    return !fmod && rest != 0 && (rest < 0) != (right < 0) ? static_cast<T>(rest + right) : rest;
  }
}

class Mod final : public Kernel {
 public:
  explicit Mod(bool fmod) : fmod_(fmod) {}

  Result<void> plan(plan::Builder& builder) override {
    const DataType dtype = builder.input(0).dtype;
    if (!fmod_ && (dtype == DataType::Float32 || dtype == DataType::Float64))
      return malformed("fmod is 0, which integers alone may have; wanted is 1");
    return plan_spread(
        builder, NumberTypes(), std::nullopt,
        [fmod = fmod_]<typename T>(const Broadcast& walk) -> plan::Action {
          return [walk, fmod](std::span<std::byte* const> memory, Pool& pool) -> Result<void> {
            std::atomic<bool> fault{false};
            const plan::Action rows = spread<T, T>(walk, [&fault, fmod](T left, T right) {
              return remainder(left, right, fmod, fault);
            });
            TRY(rows(memory, pool));
            if (fault) return malformed("an integer is divided by zero");
            return {};
          };
        });
  }

 private:
  bool fmod_;
};

}  // namespace

Result<KernelPointer> make_mod(NodeReader& node) {
  return std::make_unique<Mod>(TRY(node.int_or("fmod", 0)) != 0);
}

}  // namespace torchkeep::runtime::kernels
