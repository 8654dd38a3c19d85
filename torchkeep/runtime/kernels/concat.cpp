// Concat-4 to Concat-13: https://onnx.ai/onnx/operators/onnx__Concat.html
#include <algorithm>
#include <cstring>
#include <numeric>

#include "torchkeep/runtime/kernels/axis.h"
#include "torchkeep/runtime/kernels/operators.h"
#include "torchkeep/runtime/kernels/quantised_concat.h"

namespace torchkeep::runtime::kernels {
namespace {

constexpr std::size_t kBytesAThread = 65536;  // below, waking a thread costs more

class Concat final : public Kernel {
 public:
  explicit Concat(std::int64_t axis) : axis_(axis) {}
  bool takes_halves() const override { return true; }

  Result<void> plan(plan::Builder& builder) override {
    Shape output = builder.input(0).shape;
    const DataType dtype = builder.input(0).dtype;
    const std::size_t axis = TRY(resolve_axis(axis_, output.size()));
    output[axis] = 0;
    std::vector<plan::BufferId> buffers;
    std::vector<std::size_t> lengths;  // of one input's part of a row, in bytes
    for (std::size_t i = 0; i < builder.input_count(); ++i) {
      if (!builder.has_input(i)) return malformed("input ", i, " is left out");
      const plan::Operand& input = builder.input(i);
      Shape alike = input.shape;
      if (alike.size() == output.size()) alike[axis] = output[axis];
      if (alike != output || input.dtype != dtype) {
        return malformed("input ", i, " of shape ", describe(input.shape),
                         " does not fit the first, ", describe(builder.input(0).shape));
      }
      output[axis] += input.shape[axis];
      lengths.push_back(extent(input.shape, axis, output.size()) * element_bytes(dtype));
    }
    if (builder.view_joined(axis, output)) return {};
    for (std::size_t i = 0; i < builder.input_count(); ++i) buffers.push_back(TRY(builder.read(i)));
    const std::size_t rows = extent(output, 0, axis);
    buffers.push_back(TRY(builder.write(0, dtype, std::move(output))));
    const std::size_t whole = std::accumulate(lengths.begin(), lengths.end(), std::size_t{0});
    builder.step(
        std::move(buffers),
        [rows, lengths, whole](std::span<std::byte* const> memory, Pool& pool) -> Result<void> {
          const std::size_t grain = 1 + kBytesAThread / std::max<std::size_t>(whole, 1);
          pool.parallel_for(rows, grain, [&](std::size_t begin, std::size_t end) {
            std::byte* to = memory.back() + begin * whole;
            for (std::size_t row = begin; row < end; ++row) {
              for (std::size_t i = 0; i < lengths.size(); ++i) {
                if (lengths[i] > 0) std::memcpy(to, memory[i] + row * lengths[i], lengths[i]);
                to += lengths[i];
              }
            }
          });
          return {};
        });
    return {};
  }

 private:
  std::int64_t axis_;
};

}  // namespace

Result<KernelPointer> make_concat(NodeReader& node) {
  if (!node.has("axis") && node.opset() >= 4)
    return malformed("there is no axis, which is wanted since operator set 4");
  const std::int64_t axis = TRY(node.int_or("axis", 1));  // the default before version 4
  if (node.node().quantised) return make_quantised_concat(*node.node().quantised, axis);
  return std::make_unique<Concat>(axis);
}

}  // namespace torchkeep::runtime::kernels
