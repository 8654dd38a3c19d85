// MatMulInteger-10: https://onnx.ai/onnx/operators/onnx__MatMulInteger.html
// Sums wrap around where 32 bits do not hold them, as the standard lets them.
#include <algorithm>

#include "torchkeep/runtime/kernels/axis.h"
#include "torchkeep/runtime/kernels/integer_mat_mul.h"
#include "torchkeep/runtime/kernels/operators.h"
#include "torchkeep/runtime/kernels/packed.h"
#include "torchkeep/runtime/kernels/processor.h"

namespace torchkeep::runtime::kernels {
namespace {

class MatMulInteger final : public Kernel {
 public:
  Result<void> plan(plan::Builder& builder) override {
    const IntegerSums made =
        TRY(plan_integer_mat_mul(builder, {0, 1, zero_of(builder, 2), zero_of(builder, 3)}));
    return write_sums(builder, made.sums, made.output);
  }
};

/// What dynamic quantisation writes: a matrix of parameters around 0, which oneDNN multiplies with.
class PackedMatMulInteger final : public Kernel {
 public:
  explicit PackedMatMulInteger(std::shared_ptr<graph::Constant> weights)
      : sums_(std::make_shared<SecretBytes>(static_cast<std::size_t>(weights->shape()[1]) *
                                            sizeof(std::int32_t))),
        packed_(weights, weights->shape()) {
    const auto columns = static_cast<std::size_t>(weights->shape()[1]);
    const std::span<const std::int8_t> numbers = std::as_const(*weights).elements<std::int8_t>();
    auto* sums = reinterpret_cast<std::int32_t*>(sums_->expose().data());
    for (std::size_t i = 0; i < numbers.size(); ++i) sums[i % columns] += numbers[i];
  }

  bool packs(std::size_t input) const override { return input == 1 || input == 3; }
  std::uint64_t packed_bytes() const override { return packed_.bytes(); }

  Result<void> plan(plan::Builder& builder) override {
    const plan::Operand& left = builder.input(0);
    const Shape weights = packed_.shape();
    if (left.dtype != DataType::UInt8 && left.dtype != DataType::Int8)
      return malformed("input 0 is ", name_of(left.dtype), ", wanted is UINT8 or INT8");
    if (left.shape.empty() || left.shape.back() != weights[0])
      return malformed("matrices of shapes ", describe(left.shape), " and ", describe(weights),
                       " do not fit");
    Shape output = left.shape;
    output.back() = weights[1];
    const std::size_t rows = extent(output, 0, output.size() - 1), rank = output.size();
    const std::size_t matrix = rank < 2 ? 1 : extent(output, rank - 2, rank - 1);
    const std::size_t zeros = TRY(zero_count(builder, left.dtype, matrix));
    dnn::MatMul product;
    product.input = {static_cast<std::int64_t>(rows), weights[0]};
    product.weights = weights;
    product.output = {static_cast<std::int64_t>(rows), weights[1]};
    product.quantised = dnn::Quantised{left.dtype, DataType::Int32, 0, 0, {1}, 1, 1};
    const bool is_signed = left.dtype == DataType::Int8;
    dnn::Planned planned = TRY(dnn::make_matmul(builder.machine(), product, true));
    std::vector<plan::BufferId> buffers{TRY(builder.read(0)),
                                        TRY(packed_.in_layout(builder, planned.weights))};
    const plan::BufferId to = TRY(builder.write(0, DataType::Int32, output));
    buffers.push_back(to);
    TRY(builder.step(std::move(buffers), std::move(planned.primitive)));
    if (zeros == 0) return {};
    const auto columns = static_cast<std::size_t>(weights[1]);
    builder.step(
        {TRY(builder.read(2)), builder.keep(sums_->expose(), sums_), to},
        [=](std::span<std::byte* const> memory, Pool& pool) -> Result<void> {
          pool.parallel_for(rows, rows_a_thread(columns), [&](std::size_t begin, std::size_t end) {
            for (std::size_t row = begin; row < end; ++row) {
              const std::size_t at = zeros == 1 ? 0 : row % matrix;
              const std::int32_t zero = is_signed
                                            ? std::int32_t{source<std::int8_t>(memory, 0)[at]}
                                            : std::int32_t{source<std::uint8_t>(memory, 0)[at]};
              run_compiled<take_off>(source<std::int32_t>(memory, 1), zero, columns,
                                     target<std::int32_t>(memory, 2) + row * columns);
            }
          });
          return {};
        });
    return {};
  }

 private:
  /// What a zero point of the rows adds to each column, times the column's sum.
  [[gnu::always_inline]] static inline void take_off(const std::int32_t* __restrict sums,
                                                     std::int32_t zero, std::size_t columns,
                                                     std::int32_t* __restrict to) {
    // Unsigned, where numbers wrap around.
    for (std::size_t i = 0; i < columns; ++i)
      to[i] = static_cast<std::int32_t>(static_cast<std::uint32_t>(to[i]) -
                                        static_cast<std::uint32_t>(zero) *
                                            static_cast<std::uint32_t>(sums[i]));
  }

  /// How many zero points there are: none, one, or one for each row of a matrix.
  static Result<std::size_t> zero_count(const plan::Builder& builder, DataType type,
                                        std::size_t rows) {
    if (!builder.has_input(2)) return std::size_t{0};
    const plan::Operand& zeros = builder.input(2);
    const std::uint64_t count = TRY(element_count(zeros.shape));
    if (zeros.dtype != type || (count != 1 && count != rows))
      return malformed("zero points of ", name_of(zeros.dtype), " ", describe(zeros.shape),
                       " do not fit input 0 of ", name_of(type), " with ", rows, " rows");
    return static_cast<std::size_t>(count);
  }

  std::shared_ptr<SecretBytes> sums_;  ///< Of each column.
  Packed packed_;
};

/// A matrix of signed numbers around 0, all parameters.
bool is_around_zero(const NodeReader& node) {
  const std::shared_ptr<const graph::Constant> weights = node.constant(1);
  if (!weights || weights->dtype() != DataType::Int8 || weights->shape().size() != 2 ||
      weights->bytes().empty())
    return false;
  if (!node.has_input(3)) return true;
  const std::shared_ptr<const graph::Constant> zeros = node.constant(3);
  if (!zeros || zeros->dtype() != DataType::Int8) return false;
  const ByteView bytes = zeros->bytes();
  const auto columns = static_cast<std::size_t>(weights->shape()[1]);
  return (bytes.size() == 1 || bytes.size() == columns) &&
         std::ranges::all_of(bytes, [](std::uint8_t zero) { return zero == 0; });
}

}  // namespace

Result<KernelPointer> make_mat_mul_integer(NodeReader& node) {
  if (dnn::Machine::multiplies_bytes() && is_around_zero(node))
    return std::make_unique<PackedMatMulInteger>(node.constant(1));
  return std::make_unique<MatMulInteger>();
}

}  // namespace torchkeep::runtime::kernels
