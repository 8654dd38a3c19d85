// Where-9, Where-16: https://onnx.ai/onnx/operators/onnx__Where.html
#include "torchkeep/runtime/kernels/broadcast.h"
#include "torchkeep/runtime/kernels/operators.h"
#include "torchkeep/runtime/kernels/types.h"

namespace torchkeep::runtime::kernels {
namespace {

template <typename T>
void choose_row(const Truth* which, std::size_t which_step, const T* left, std::size_t left_step,
                const T* right, std::size_t right_step, T* to, std::size_t columns) {
  if (which_step == 0) {  // a whole row from one side
    const bool first = is_true(*which);
    const T* from = first ? left : right;
    const std::size_t step = first ? left_step : right_step;
    for (std::size_t i = 0; i < columns; ++i) to[i] = from[i * step];
  } else if (left_step == 1 && right_step == 1) {
    for (std::size_t i = 0; i < columns; ++i) to[i] = is_true(which[i]) ? left[i] : right[i];
  } else {
    for (std::size_t i = 0; i < columns; ++i)
      to[i] = is_true(which[i]) ? left[i * left_step] : right[i * right_step];
  }
}

template <typename T>
plan::Action action_of(const Broadcast& walk) {
  return [walk](std::span<std::byte* const> memory, Pool& pool) -> Result<void> {
    const std::size_t columns = walk.columns();
    pool.parallel_for(walk.rows(), rows_a_thread(columns), [&](std::size_t begin, std::size_t end) {
      for (std::size_t row = begin; row < end; ++row) {
        if (columns == 0) continue;
        choose_row(source<Truth>(memory, 0) + walk.start_of(0, row), walk.step(0),
                   source<T>(memory, 1) + walk.start_of(1, row), walk.step(1),
                   source<T>(memory, 2) + walk.start_of(2, row), walk.step(2),
                   target<T>(memory, 3) + row * columns, columns);
      }
    });
    return {};
  };
}

class Where final : public Kernel {
 public:
  bool takes_halves() const override { return true; }
  Result<void> plan(plan::Builder& builder) override {
    const plan::Operand &which = builder.input(0), &left = builder.input(1),
                        &right = builder.input(2);
    if (which.dtype != DataType::Bool || left.dtype != right.dtype) {
      return malformed("inputs are ", name_of(which.dtype), ", ", name_of(left.dtype), " and ",
                       name_of(right.dtype));
    }
    const DataType dtype = left.dtype;
    Shape output =
        TRY(broadcast_shapes(which.shape, TRY(broadcast_shapes(left.shape, right.shape))));
    const Broadcast walk({which.shape, left.shape, right.shape}, output);
    std::vector<plan::BufferId> buffers;
    for (std::size_t i = 0; i < 3; ++i) buffers.push_back(TRY(builder.read(i)));
    buffers.push_back(TRY(builder.write(0, dtype, std::move(output))));
    builder.step(std::move(buffers),
                 action_by_size(dtype, [&]<typename T>() { return action_of<T>(walk); }));
    return {};
  }
};

}  // namespace

Result<KernelPointer> make_where(NodeReader&) { return std::make_unique<Where>(); }

}  // namespace torchkeep::runtime::kernels
