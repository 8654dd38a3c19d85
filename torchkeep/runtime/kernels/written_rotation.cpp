// Rotary positions as the optimiser finds them written out: optimise/fuse_rotation.cpp.
#include <algorithm>

#include "torchkeep/runtime/kernels/axis.h"
#include "torchkeep/runtime/kernels/broadcast.h"
#include "torchkeep/runtime/kernels/epilogue.h"
#include "torchkeep/runtime/kernels/known.h"
#include "torchkeep/runtime/kernels/operators.h"
#include "torchkeep/runtime/kernels/processor.h"
#include "torchkeep/runtime/kernels/types.h"

namespace torchkeep::runtime::kernels {
namespace {

/// A part of a row.
struct Piece {
  std::size_t first = 0, count = 0;
};

struct Row {
  std::size_t width = 0;
  Piece negated, other;
  std::size_t cosine_step = 1, sine_step = 1;  ///< 0 repeats.
};

[[gnu::always_inline]] inline void turn(const Row* wanted, const float* x, const float* cosines,
                                        const float* sines, float* to) {
  const Row row = *wanted;
  const float *negated = x + row.negated.first, *other = x + row.other.first;
  const std::size_t middle = row.negated.count;
  if (row.cosine_step == 1 && row.sine_step == 1) {
    for (std::size_t i = 0; i < middle; ++i) to[i] = x[i] * cosines[i] - negated[i] * sines[i];
    for (std::size_t i = middle; i < row.width; ++i)
      to[i] = x[i] * cosines[i] + other[i - middle] * sines[i];
    return;
  }
  for (std::size_t i = 0; i < row.width; ++i) {
    const float turned = i < middle ? -negated[i] : other[i - middle];
    to[i] = x[i] * cosines[i * row.cosine_step] + turned * sines[i * row.sine_step];
  }
}

class Rotation final : public Kernel {
 public:
  explicit Rotation(graph::WrittenRotation written) : written_(std::move(written)) {}

  bool needs_known(std::size_t input) const override { return input > 2; }

  Result<void> plan(plan::Builder& builder) override {
    for (std::size_t i = 0; i < 3; ++i) TRY(expect_float(builder, i));
    const Shape input = builder.input(0).shape;
    if (input.empty()) return malformed("a scalar has no pieces");
    for (const std::int64_t axis : written_.axes) {
      if (TRY(resolve_axis(axis, input.size())) != input.size() - 1)
        return malformed("pieces along axis ", axis, " of ", describe(input),
                         " are not supported, wanted is the last");
    }
    Shape output = input;
    for (std::size_t i = 1; i < 3; ++i)
      output = TRY(broadcast_shapes(output, builder.input(i).shape));
    TRY(check_shape(output));
    Row row{
        static_cast<std::size_t>(input.back()), {}, {}, step_of(builder, 1), step_of(builder, 2)};
    TRY(take_pieces(builder, row));
    if (output.back() != input.back() || row.negated.count + row.other.count != row.width)
      return malformed("pieces of ", row.negated.count, " and ", row.other.count,
                       " and factors of shapes ", describe(builder.input(1).shape), " and ",
                       describe(builder.input(2).shape), " do not fit ", describe(input));
    std::vector<Shape> sides;
    for (std::size_t i = 0; i < 3; ++i) sides.push_back(without_last(builder.input(i).shape));
    const Broadcast walk(sides, without_last(output));
    std::vector<plan::BufferId> buffers;
    for (std::size_t i = 0; i < 3; ++i) buffers.push_back(TRY(builder.read(i)));
    const bool empty = TRY(element_count(output)) == 0;
    buffers.push_back(TRY(builder.write(0, DataType::Float32, std::move(output))));
    if (!empty) builder.step(std::move(buffers), action_of(walk, row));
    return {};
  }

 private:
  static Shape without_last(Shape shape) {
    if (!shape.empty()) shape.pop_back();
    return shape;
  }
  static std::size_t step_of(const plan::Builder& builder, std::size_t input) {
    const Shape& shape = builder.input(input).shape;
    return shape.empty() || shape.back() == 1 ? 0 : 1;
  }

  Result<void> take_pieces(const plan::Builder& builder, Row& row) const {
    if (builder.input_count() == 3) {
      const std::size_t half = (row.width + 1) / 2;
      if (written_.half && 2 * *written_.half != static_cast<std::int64_t>(row.width))
        return malformed("halves of ", *written_.half, " do not fit a row of ", row.width);
      row.negated = {half, row.width - half};
      row.other = {0, half};
      return {};
    }
    row.negated = TRY(read_piece(builder, 3, row.width));
    row.other = TRY(read_piece(builder, 5, row.width));
    return {};
  }

  /// As Slice has it. Source: ONNX operator Slice-13.
  static Result<Piece> read_piece(const plan::Builder& builder, std::size_t input,
                                  std::size_t width) {
    const auto size = static_cast<std::int64_t>(width);
    const auto place = [size](std::int64_t index) {
      return std::clamp<std::int64_t>(index < 0 ? index + size : index, 0, size);
    };
    const std::int64_t first = place(TRY(known_int(builder, input))),
                       end = place(TRY(known_int(builder, input + 1)));
    return Piece{static_cast<std::size_t>(first),
                 static_cast<std::size_t>(std::max<std::int64_t>(end - first, 0))};
  }

  /// Memory order: x, cosines, sines, output.
  static plan::Action action_of(const Broadcast& walk, const Row& row) {
    return [walk, row](std::span<std::byte* const> memory, Pool& pool) -> Result<void> {
      const std::size_t columns = walk.columns(), rows = walk.rows() * columns;
      pool.parallel_for(rows, rows_a_thread(row.width), [&](std::size_t begin, std::size_t end) {
        for (std::size_t i = begin; i < end; ++i) {
          const auto start = [&](std::size_t side) {
            return walk.start_of(side, i / columns) + i % columns * walk.step(side);
          };
          const auto factors = [&](std::size_t side, std::size_t step) {
            return source<float>(memory, side) + start(side) * (step == 0 ? 1 : row.width);
          };
          run_compiled<turn>(&row, source<float>(memory, 0) + start(0) * row.width,
                             factors(1, row.cosine_step), factors(2, row.sine_step),
                             target<float>(memory, 3) + i * row.width);
        }
      });
      return {};
    };
  }

  graph::WrittenRotation written_;
};

}  // namespace

Result<KernelPointer> make_written_rotation(NodeReader& node) {
  return std::make_unique<Rotation>(*node.node().rotation);
}

}  // namespace torchkeep::runtime::kernels
