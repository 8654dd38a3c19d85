// Transpose-1 to Transpose-21: https://onnx.ai/onnx/operators/onnx__Transpose.html
#include <cstring>

#include "torchkeep/runtime/kernels/axis.h"
#include "torchkeep/runtime/kernels/operators.h"

namespace torchkeep::runtime::kernels {
namespace {

/// Where each element of a row of the result comes from; elements are of `T`'s size.
template <typename T>
plan::Action action_of(const Shape& output, const std::vector<std::size_t>& strides) {
  return [output, strides](std::span<std::byte* const> memory, Pool& pool) -> Result<void> {
    const auto* from = reinterpret_cast<const T*>(memory[0]);
    auto* to = reinterpret_cast<T*>(memory[1]);
    const std::size_t rank = output.size(),
                      columns = rank == 0 ? 1 : static_cast<std::size_t>(output[rank - 1]);
    const std::size_t rows = rank == 0 ? 1 : extent(output, 0, rank - 1),
                      step = rank == 0 ? 0 : strides[rank - 1];
    pool.parallel_for(rows, 1 + 16384 / std::max<std::size_t>(columns, 1),
                      [&](std::size_t begin, std::size_t end) {
                        for (std::size_t row = begin; row < end; ++row) {
                          std::size_t left = row, start = 0;
                          for (std::size_t i = rank > 0 ? rank - 1 : 0; i-- > 0;) {
                            start += left % static_cast<std::size_t>(output[i]) * strides[i];
                            left /= static_cast<std::size_t>(output[i]);
                          }
                          for (std::size_t i = 0; i < columns; ++i)
                            to[row * columns + i] = from[start + i * step];
                        }
                      });
    return {};
  };
}

class Transpose final : public Kernel {
 public:
  explicit Transpose(std::vector<std::int64_t> order) : order_(std::move(order)) {}

  Result<void> plan(plan::Builder& builder) override {
    const Shape& input = builder.input(0).shape;
    const std::size_t rank = input.size();
    if (!order_.empty() && order_.size() != rank)
      return malformed("perm has ", order_.size(), " numbers, the input ", rank, " dimensions");
    std::vector<bool> used(rank, false);
    Shape output(rank);
    std::vector<std::size_t> strides(rank);
    for (std::size_t i = 0; i < rank; ++i) {
      const std::size_t source = order_.empty() ? rank - 1 - i : TRY(resolve_axis(order_[i], rank));
      if (used[source]) return malformed("perm names dimension ", source, " twice");
      used[source] = true;
      output[i] = input[source];
      strides[i] = extent(input, source + 1, rank);
    }
    const DataType dtype = builder.input(0).dtype;
    plan::Action action;
    switch (element_bytes(dtype)) {
      case 1: action = action_of<std::uint8_t>(output, strides); break;
      case 4: action = action_of<std::uint32_t>(output, strides); break;
      default: action = action_of<std::uint64_t>(output, strides); break;
    }
    const plan::BufferId from = TRY(builder.read(0));
    builder.step({from, TRY(builder.write(0, dtype, output))}, std::move(action));
    return {};
  }

 private:
  std::vector<std::int64_t> order_;
};

}  // namespace

Result<KernelPointer> make_transpose(NodeReader& node) {
  return std::make_unique<Transpose>(TRY(node.ints("perm")));
}

}  // namespace torchkeep::runtime::kernels
