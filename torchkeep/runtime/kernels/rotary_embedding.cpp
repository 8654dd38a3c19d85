// RotaryEmbedding-23: https://onnx.ai/onnx/operators/onnx__RotaryEmbedding.html
#include "torchkeep/runtime/kernels/axis.h"
#include "torchkeep/runtime/kernels/epilogue.h"
#include "torchkeep/runtime/kernels/operators.h"
#include "torchkeep/runtime/kernels/types.h"

namespace torchkeep::runtime::kernels {
namespace {

struct Rotation {
  std::size_t batch = 0, heads = 0, length = 0, size = 0;  ///< Size of a head.
  std::size_t turned = 0;   ///< How many of its elements are turned, in pairs.
  std::size_t cached = 0;   ///< Positions that cos and sin have.
  bool heads_last = false;  ///< [batch, length, heads * size]
  bool interleaved = false, by_position = false;
};

/// Memory order: input, cos, sin, positions if any, output.
plan::Action action_of(const Rotation& r) {
  return [r](std::span<std::byte* const> memory, Pool&) -> Result<void> {
    const float* from = source<float>(memory, 0);
    float* to = target<float>(memory, r.by_position ? 4 : 3);
    const std::size_t half = r.turned / 2;
    for (std::size_t row = 0; row < r.batch * r.length * r.heads; ++row) {
      // Rows lie as heads_last says.
      const std::size_t b = row / (r.length * r.heads);
      const std::size_t t = r.heads_last ? row / r.heads % r.length : row % r.length;
      std::size_t at = b * r.length + t;  // without positions, the caches have a row for each
      if (r.by_position) {
        const std::int64_t position = source<std::int64_t>(memory, 3)[at];
        if (position < 0 || position >= static_cast<std::int64_t>(r.cached))
          return malformed("position ", position, " is not among ", r.cached);
        at = static_cast<std::size_t>(position);
      }
      const float* cos = source<float>(memory, 1) + at * half;
      const float* sin = source<float>(memory, 2) + at * half;
      const float* x = from + row * r.size;
      float* y = to + row * r.size;
      for (std::size_t i = 0; i < half; ++i) {
        const std::size_t one = r.interleaved ? 2 * i : i,
                          other = r.interleaved ? 2 * i + 1 : i + half;
        y[one] = cos[i] * x[one] - sin[i] * x[other];
        y[other] = sin[i] * x[one] + cos[i] * x[other];
      }
      for (std::size_t i = r.turned; i < r.size; ++i) y[i] = x[i];
    }
    return {};
  };
}

class RotaryEmbedding final : public Kernel {
 public:
  RotaryEmbedding(bool interleaved, std::int64_t turned, std::int64_t heads)
      : interleaved_(interleaved), turned_(turned), heads_(heads) {}

  Result<void> plan(plan::Builder& builder) override {
    for (std::size_t i = 0; i < 3; ++i) TRY(expect_float(builder, i));
    const Shape shape = builder.input(0).shape;
    Rotation r;
    if (shape.size() == 4) {
      r = {extent(shape, 0, 1), extent(shape, 1, 2), extent(shape, 2, 3), extent(shape, 3, 4)};
    } else if (shape.size() == 3 && heads_ > 0 && shape[2] % heads_ == 0) {
      const auto heads = static_cast<std::size_t>(heads_);
      r = {extent(shape, 0, 1), heads, extent(shape, 1, 2), extent(shape, 2, 3) / heads};
      r.heads_last = true;
    } else {
      return malformed("an input of shape ", describe(shape), " has no ", heads_, " heads");
    }
    r.turned = turned_ == 0 ? r.size : static_cast<std::size_t>(turned_);
    r.interleaved = interleaved_;
    r.by_position = builder.has_input(3);
    if (r.turned > r.size || r.turned % 2 != 0)
      return malformed(r.turned, " elements of ", r.size, " cannot be turned in pairs");
    TRY(check_caches(builder, r));
    r.cached = r.by_position ? extent(builder.input(1).shape, 0, 1) : 0;
    std::vector<plan::BufferId> buffers;
    for (std::size_t i = 0; i < (r.by_position ? 4u : 3u); ++i)
      buffers.push_back(TRY(builder.read(i)));
    buffers.push_back(TRY(builder.write(0, DataType::Float32, shape)));
    builder.step(std::move(buffers), action_of(r));
    return {};
  }

 private:
  static Result<void> check_caches(const plan::Builder& builder, const Rotation& r) {
    const auto batch = static_cast<std::int64_t>(r.batch),
               length = static_cast<std::int64_t>(r.length),
               half = static_cast<std::int64_t>(r.turned / 2);
    for (std::size_t i = 1; i < 3; ++i) {
      const Shape& cache = builder.input(i).shape;
      const bool fits =
          r.by_position ? cache.size() == 2 && cache[1] == half && cache == builder.input(1).shape
                        : cache == Shape{batch, length, half};
      if (!fits) return malformed("input ", i, " of shape ", describe(cache), " does not fit");
    }
    if (!r.by_position) return {};
    const plan::Operand& positions = builder.input(3);
    if (positions.dtype == DataType::Int64 && positions.shape == Shape{batch, length}) return {};
    return malformed("positions are ", name_of(positions.dtype), " ", describe(positions.shape));
  }

  bool interleaved_;
  std::int64_t turned_, heads_;
};

}  // namespace

Result<KernelPointer> make_rotary_embedding(NodeReader& node) {
  // What the optimiser found written out is no part of a file.
  if (node.node().rotation) return make_written_rotation(node);
  if (node.node().inputs.size() > 4)
    return malformed("there are ", node.node().inputs.size(), " inputs, at most 4 are wanted");
  const bool interleaved = TRY(node.int_or("interleaved", 0)) != 0;
  const std::int64_t turned = TRY(node.int_or("rotary_embedding_dim", 0)),
                     heads = TRY(node.int_or("num_heads", 0));
  if (turned < 0 || heads < 0)
    return malformed("rotary_embedding_dim is ", turned, " and num_heads ", heads,
                     ", wanted is 0 or more");
  return std::make_unique<RotaryEmbedding>(interleaved, turned, heads);
}

}  // namespace torchkeep::runtime::kernels
