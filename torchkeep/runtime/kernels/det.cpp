// Det-11 to Det-22: https://onnx.ai/onnx/operators/onnx__Det.html
// By elimination with pivots.
#include <algorithm>
#include <cmath>

#include "torchkeep/runtime/kernels/axis.h"
#include "torchkeep/runtime/kernels/operators.h"
#include "torchkeep/runtime/kernels/whole.h"

namespace torchkeep::runtime::kernels {
namespace {

double determinant(std::vector<double>& matrix, std::size_t size) {
  double product = 1;
  for (std::size_t c = 0; c < size; ++c) {
    std::size_t pivot = c;
    for (std::size_t r = c + 1; r < size; ++r) {
      if (std::abs(matrix[r * size + c]) > std::abs(matrix[pivot * size + c])) pivot = r;
    }
    const double lead = matrix[pivot * size + c];
    if (lead == 0) return 0;
    if (pivot != c) {
      for (std::size_t k = 0; k < size; ++k)
        std::swap(matrix[pivot * size + k], matrix[c * size + k]);
      product = -product;
    }
    product *= lead;
    for (std::size_t r = c + 1; r < size; ++r) {
      const double factor = matrix[r * size + c] / lead;
      for (std::size_t k = c; k < size; ++k) matrix[r * size + k] -= factor * matrix[c * size + k];
    }
  }
  return product;
}

class Det final : public Kernel {
 public:
  Result<void> plan(plan::Builder& builder) override {
    const Shape shape = builder.input(0).shape;
    const DataType dtype = builder.input(0).dtype;
    if (shape.size() < 2 || shape.back() != shape[shape.size() - 2])
      return malformed("an input of shape ", describe(shape), " is no square matrix");
    const std::size_t size = extent(shape, shape.size() - 1, shape.size());
    const Shape output(shape.begin(), shape.end() - 2);
    const std::size_t count = extent(output, 0, output.size());
    plan::Action action = TRY(action_for(FloatTypes(), dtype, [&]<typename T>() -> plan::Action {
      return [size, count](std::span<std::byte* const> memory, Pool&) -> Result<void> {
        for (std::size_t i = 0; i < count; ++i) {
          const T* from = source<T>(memory, 0) + i * size * size;
          std::vector<double> matrix(from, from + size * size);
          target<T>(memory, 1)[i] = static_cast<T>(determinant(matrix, size));
        }
        return {};
      };
    }));
    std::vector<Made> made;
    made.push_back({dtype, output});
    return plan_whole(builder, 1, std::move(made), std::move(action));
  }
};

}  // namespace

Result<KernelPointer> make_det(NodeReader&) { return std::make_unique<Det>(); }

}  // namespace torchkeep::runtime::kernels
