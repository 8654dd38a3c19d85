// BatchNormalization-1 to BatchNormalization-15 (inference):
// https://onnx.ai/onnx/operators/onnx__BatchNormalization.html
// The optimiser folds most of them into a convolution before they get here.
#include <cmath>

#include "torchkeep/runtime/kernels/axis.h"
#include "torchkeep/runtime/kernels/epilogue.h"
#include "torchkeep/runtime/kernels/operators.h"

namespace torchkeep::runtime::kernels {
namespace {

class BatchNormalization final : public Kernel {
 public:
  explicit BatchNormalization(float epsilon) : epsilon_(epsilon) {}

  Result<void> plan(plan::Builder& builder) override {
    const Shape shape = builder.input(0).shape;
    if (shape.size() < 2)
      return malformed("an input of shape ", describe(shape), " has no channels");
    std::vector<plan::BufferId> buffers;
    for (std::size_t i = 0; i < 5; ++i) {
      TRY(expect_float(builder, i));
      if (i > 0 && builder.input(i).shape != Shape{shape[1]}) {
        return malformed("input ", i, " of shape ", describe(builder.input(i).shape),
                         " does not fit ", shape[1], " channels");
      }
      buffers.push_back(TRY(builder.read(i)));
    }
    buffers.push_back(TRY(builder.write(0, DataType::Float32, shape)));
    const std::size_t channels = extent(shape, 1, 2), planes = channels * extent(shape, 0, 1);
    const std::size_t plane = extent(shape, 2, shape.size());
    builder.step(
        std::move(buffers),
        [=, epsilon = epsilon_](std::span<std::byte* const> memory, Pool& pool) -> Result<void> {
          const auto floats = [&](std::size_t i) {
            return reinterpret_cast<const float*>(memory[i]);
          };
          auto* output = reinterpret_cast<float*>(memory[5]);
          pool.parallel_for(planes, 1 + 16384 / std::max<std::size_t>(plane, 1),
                            [&](std::size_t begin, std::size_t end) {
                              for (std::size_t p = begin; p < end; ++p) {
                                const std::size_t c = p % channels;
                                const float scale =
                                    floats(1)[c] / std::sqrt(floats(4)[c] + epsilon);
                                const float shift = floats(2)[c] - floats(3)[c] * scale;
                                for (std::size_t i = p * plane; i < (p + 1) * plane; ++i) {
                                  output[i] = floats(0)[i] * scale + shift;
                                }
                              }
                            });
          return {};
        });
    return {};
  }

 private:
  float epsilon_;
};

}  // namespace

Result<KernelPointer> make_batch_normalization(NodeReader& node) {
  if (TRY(node.int_or("training_mode", 0)) != 0) {
    return malformed("it is in training mode; export the model with model.eval()");
  }
  // Before version 7, training was the default, and a model that was trained says is_test.
  const bool tests = TRY(node.int_or("is_test", node.opset() < 7 ? 0 : 1)) != 0;
  if (!tests) return malformed("it is in training mode; export the model with model.eval()");
  const std::vector<graph::ValueId>& outputs = node.node().outputs;
  for (std::size_t i = 1; i < outputs.size(); ++i) {
    if (outputs[i] != graph::kLeftOut) return malformed("output ", i, " is of training alone");
  }
  if (TRY(node.int_or("spatial", 1)) != 1) return malformed("spatial is 0, which is not supported");
  node.ignore("momentum");
  return std::make_unique<BatchNormalization>(TRY(node.float_or("epsilon", 1e-5F)));
}

}  // namespace torchkeep::runtime::kernels
