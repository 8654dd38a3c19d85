// Gather-1 to Gather-13: https://onnx.ai/onnx/operators/onnx__Gather.html
#include <cstring>

#include "torchkeep/runtime/kernels/axis.h"
#include "torchkeep/runtime/kernels/operators.h"
#include "torchkeep/runtime/kernels/table_rows.h"

namespace torchkeep::runtime::kernels {
namespace {

constexpr std::int64_t kMostRepeated = 65536;  // indices that are looked at while planning

struct Walk {
  std::size_t outer, size, inner_bytes, count;  ///< Before the axis, along it, after it; indices.
};

template <typename Index>
plan::Action action_of(const Walk& walk) {
  return [walk](std::span<std::byte* const> memory, Pool&) -> Result<void> {
    const auto* indices = reinterpret_cast<const Index*>(memory[1]);
    const auto size = static_cast<std::int64_t>(walk.size);
    std::byte* to = memory[2];
    for (std::size_t i = 0; i < walk.outer; ++i) {
      for (std::size_t k = 0; k < walk.count; ++k) {
        const std::int64_t index = indices[k];
        if (index < -size || index >= size)
          return malformed("index ", index, " is not among ", size);
        const auto place = static_cast<std::size_t>(index < 0 ? index + size : index);
        if (walk.inner_bytes > 0) {
          std::memcpy(to, memory[0] + (i * walk.size + place) * walk.inner_bytes, walk.inner_bytes);
        }
        to += walk.inner_bytes;
      }
    }
    return {};
  };
}

/// How a dimension of `size` is repeated by indices that are known: all of it, or each in a row.
struct Repeats {
  std::int64_t whole = 1, each = 1;
};
Result<std::optional<Repeats>> find_repeats(const plan::Operand& indices, std::int64_t size) {
  using Found = std::optional<Repeats>;
  if (!indices.constant || indices.shape.size() != 1 || size == 0) return Found();
  const std::int64_t count = indices.shape[0];
  if (count == 0 || count % size != 0 || count > kMostRepeated) return Found();
  const std::vector<std::int64_t> which = TRY(graph::to_ints(*indices.constant));
  const std::int64_t times = count / size;
  bool whole = true, each = true;
  for (std::int64_t i = 0; i < count; ++i) {
    whole &= which[static_cast<std::size_t>(i)] == i % size;
    each &= which[static_cast<std::size_t>(i)] == i / times;
  }
  if (each) return Found({1, times});
  return whole ? Found({times, 1}) : Found();
}

class Gather final : public Kernel {
 public:
  explicit Gather(std::int64_t axis) : axis_(axis) {}
  bool takes_halves() const override { return true; }

  Result<void> plan(plan::Builder& builder) override {
    const plan::Operand& data = builder.input(0);
    const plan::Operand& indices = builder.input(1);
    const std::size_t axis = TRY(resolve_axis(axis_, data.shape.size()));
    const Walk walk{extent(data.shape, 0, axis), static_cast<std::size_t>(data.shape[axis]),
                    extent(data.shape, axis + 1, data.shape.size()) * element_bytes(data.dtype),
                    static_cast<std::size_t>(TRY(element_count(indices.shape)))};
    Shape output(data.shape.begin(), data.shape.begin() + static_cast<std::ptrdiff_t>(axis));
    output.insert(output.end(), indices.shape.begin(), indices.shape.end());
    output.insert(output.end(), data.shape.begin() + static_cast<std::ptrdiff_t>(axis) + 1,
                  data.shape.end());
    plan::Action action;
    switch (indices.dtype) {
      case DataType::Int64: action = action_of<std::int64_t>(walk); break;
      case DataType::Int32: action = action_of<std::int32_t>(walk); break;
      default:
        return malformed("indices are ", name_of(indices.dtype), ", wanted is INT64 or INT32");
    }
    if (const auto repeats = TRY(find_repeats(indices, data.shape[axis]))) {
      // Heads that share keys, as indexing by parameters writes it.
      if (builder.view_repeated(0, 0, axis, repeats->whole, repeats->each)) return {};
    }
    const DataType dtype = data.dtype;
    const plan::BufferId from = TRY(builder.read(0)), which = TRY(builder.read(1));
    builder.step({from, which, TRY(builder.write(0, dtype, std::move(output)))}, std::move(action));
    return {};
  }

 private:
  std::int64_t axis_;
};

}  // namespace

Result<KernelPointer> make_gather(NodeReader& node) {
  if (node.node().quantised) return make_stored_rows(node);
  if (node.node().panels) return make_table_rows(node);
  if (node.has_input(2)) return malformed("there are 3 inputs, at most 2 are wanted");
  return std::make_unique<Gather>(TRY(node.int_or("axis", 0)));
}

}  // namespace torchkeep::runtime::kernels
