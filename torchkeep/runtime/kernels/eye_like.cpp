// EyeLike-9 to EyeLike-22: https://onnx.ai/onnx/operators/onnx__EyeLike.html
#include <algorithm>

#include "torchkeep/runtime/kernels/axis.h"
#include "torchkeep/runtime/kernels/operators.h"
#include "torchkeep/runtime/kernels/whole.h"

namespace torchkeep::runtime::kernels {
namespace {

class EyeLike final : public Kernel {
 public:
  EyeLike(std::int64_t k, std::optional<DataType> dtype) : k_(k), dtype_(dtype) {}
  bool looks_at_shapes_only() const override { return true; }

  Result<void> plan(plan::Builder& builder) override {
    TRY(expect_rank(builder, 0, 2));
    const Shape shape = builder.input(0).shape;
    const DataType dtype = dtype_.value_or(builder.input(0).dtype);
    plan::Action action = TRY(action_for(NumberTypes(), dtype, [&]<typename T>() -> plan::Action {
      return [rows = shape[0], columns = shape[1], k = k_](std::span<std::byte* const> memory,
                                                           Pool&) -> Result<void> {
        T* to = target<T>(memory, 0);
        std::fill_n(to, rows * columns, T{0});
        for (std::int64_t i = 0; i < rows; ++i) {
          // Compared so that no k, however large, overflows.
          if (k < columns - i && k >= -i) to[i * columns + i + k] = T{1};
        }
        return {};
      };
    }));
    builder.step({TRY(builder.write(0, dtype, shape))}, std::move(action));
    return {};
  }

 private:
  std::int64_t k_;
  std::optional<DataType> dtype_;
};

}  // namespace

Result<KernelPointer> make_eye_like(NodeReader& node) {
  std::optional<DataType> dtype;
  if (node.has("dtype")) {
    dtype = TRY(data_type_of(TRY(node.int_or("dtype", 0))));
    if (is_half(*dtype)) return malformed(name_of(*dtype), " is not supported");
  }
  return std::make_unique<EyeLike>(TRY(node.int_or("k", 0)), dtype);
}

}  // namespace torchkeep::runtime::kernels
