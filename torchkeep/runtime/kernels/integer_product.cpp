#include "torchkeep/runtime/kernels/integer_product.h"

#include <algorithm>

namespace torchkeep::runtime::kernels {
namespace {

/// As many products of two numbers of 9 bits as an int32 holds the sum of.
constexpr std::size_t kBlock = 16384;

std::int64_t dot(const std::int16_t* left, const std::int16_t* right, std::size_t count) {
  std::int64_t total = 0;
  for (std::size_t start = 0; start < count; start += kBlock) {
    const std::size_t end = std::min(start + kBlock, count);
    std::int32_t sum = 0;  // in which the compiler sees its instruction for sums of products
    for (std::size_t i = start; i < end; ++i) sum += std::int32_t{left[i]} * right[i];
    total += sum;
  }
  return total;
}

/// Memory order: bytes, zero points or nothing, result.
template <typename T>
plan::Action action_of(const Bytes8& bytes, bool one_zero) {
  return [=](std::span<std::byte* const> memory, Pool& pool) -> Result<void> {
    const T* zeros = bytes.zero ? source<T>(memory, 1) : nullptr;
    const auto zero_of = [&](std::size_t index) {
      return zeros == nullptr ? 0 : int{zeros[one_zero ? 0 : index]};
    };
    pool.parallel_for(bytes.planes * bytes.rows, rows_a_thread(bytes.columns),
                      [&](std::size_t begin, std::size_t end) {
                        for (std::size_t line = begin; line < end; ++line) {
                          const std::size_t plane = line / bytes.rows, row = line % bytes.rows;
                          const T* from = source<T>(memory, 0) + line * bytes.columns;
                          std::int16_t* to = target<std::int16_t>(memory, 2);
                          if (!bytes.turned) {
                            const int zero = zero_of(row);
                            for (std::size_t i = 0; i < bytes.columns; ++i)
                              to[line * bytes.columns + i] =
                                  static_cast<std::int16_t>(from[i] - zero);
                            continue;
                          }
                          to += plane * bytes.rows * bytes.columns + row;
                          for (std::size_t i = 0; i < bytes.columns; ++i)
                            to[i * bytes.rows] = static_cast<std::int16_t>(from[i] - zero_of(i));
                        }
                      });
    return {};
  };
}

}  // namespace

Result<plan::BufferId> without_zeros(plan::Builder& builder, const Bytes8& bytes) {
  const DataType dtype = builder.input(bytes.input).dtype;
  bool one_zero = true;
  if (bytes.zero) {
    const plan::Operand& zeros = builder.input(*bytes.zero);
    const std::uint64_t count = TRY(element_count(zeros.shape));
    one_zero = count == 1;
    if (zeros.dtype != dtype || (!one_zero && count != (bytes.turned ? bytes.columns : bytes.rows)))
      return malformed("zero points of ", name_of(zeros.dtype), " ", describe(zeros.shape),
                       " do not fit input ", bytes.input, " of ", name_of(dtype), " ",
                       describe(builder.input(bytes.input).shape));
  }
  plan::Action action = TRY(
      action_for(ByteTypes(), dtype, [&]<typename T>() { return action_of<T>(bytes, one_zero); }));
  const plan::BufferId from = TRY(builder.read(bytes.input)),
                       zeros =
                           bytes.zero ? TRY(builder.read(*bytes.zero)) : builder.keep({}, nullptr);
  const plan::BufferId to =
      TRY(builder.scratch(bytes.planes * bytes.rows * bytes.columns * sizeof(std::int16_t)));
  builder.step({from, zeros, to}, std::move(action));
  return to;
}

Result<void> write_sums(plan::Builder& builder, plan::BufferId sums, const Shape& shape) {
  const std::uint64_t count = TRY(element_count(shape));
  const plan::BufferId to = TRY(builder.write(0, DataType::Int32, shape));
  builder.step({sums, to}, [count](std::span<std::byte* const> memory, Pool&) -> Result<void> {
    for (std::size_t i = 0; i < count; ++i)
      target<std::int32_t>(memory, 1)[i] =
          static_cast<std::int32_t>(source<std::int64_t>(memory, 0)[i]);
    return {};
  });
  return {};
}

void multiply_rows(const std::int16_t* left, std::size_t left_rows, const std::int16_t* right,
                   std::size_t right_rows, std::size_t count, std::int64_t* sums, Pool& pool) {
  pool.parallel_for(
      left_rows * right_rows, rows_a_thread(count), [&](std::size_t begin, std::size_t end) {
        for (std::size_t i = begin; i < end; ++i)
          sums[i] = dot(left + i / right_rows * count, right + i % right_rows * count, count);
      });
}

}  // namespace torchkeep::runtime::kernels
