// Log-6, Log-13: https://onnx.ai/onnx/operators/onnx__Log.html
// Not oneDNN's, which is 1e-6 off at 1, where the logarithm is 0.
#include <cmath>

#include "torchkeep/runtime/kernels/axis.h"
#include "torchkeep/runtime/kernels/epilogue.h"
#include "torchkeep/runtime/kernels/operators.h"

namespace torchkeep::runtime::kernels {
namespace {

class Log final : public Kernel {
 public:
  Result<void> plan(plan::Builder& builder) override {
    TRY(expect_float(builder, 0));
    const Shape shape = builder.input(0).shape;
    const std::size_t count = extent(shape, 0, shape.size());
    const plan::BufferId input = TRY(builder.read(0));
    const plan::BufferId output = TRY(builder.write(0, DataType::Float32, shape));
    builder.step({input, output},
                 [count](std::span<std::byte* const> memory, Pool& pool) -> Result<void> {
                   const auto* from = reinterpret_cast<const float*>(memory[0]);
                   auto* to = reinterpret_cast<float*>(memory[1]);
                   pool.parallel_for(count, 4096, [&](std::size_t begin, std::size_t end) {
                     for (std::size_t i = begin; i < end; ++i) to[i] = std::log(from[i]);
                   });
                   return {};
                 });
    return {};
  }
};

}  // namespace

Result<KernelPointer> make_log(NodeReader&) { return std::make_unique<Log>(); }

}  // namespace torchkeep::runtime::kernels
