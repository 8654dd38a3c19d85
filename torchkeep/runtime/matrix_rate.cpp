#include "torchkeep/runtime/matrix_rate.h"

#include <algorithm>
#include <chrono>
#include <random>

#include "torchkeep/runtime/dnn/dnn.h"
#include "torchkeep/runtime/threads/pool.h"

namespace torchkeep::runtime {
namespace {

using Clock = std::chrono::steady_clock;
using Seconds = std::chrono::duration<double>;

constexpr std::int64_t kSide = 768;  // 2.25 MiB a matrix
constexpr Seconds kLongEnough{0.4};
constexpr int kFewest = 5;

Result<Tensor> random_matrix() {
  std::mt19937 random(7);
  std::uniform_real_distribution<float> numbers(-1, 1);
  Tensor matrix = TRY(Tensor::uninitialised(DataType::Float32, {kSide, kSide}));
  for (float& number : matrix.elements<float>()) number = numbers(random);
  return matrix;
}

std::byte* start_of(Tensor& tensor) { return reinterpret_cast<std::byte*>(tensor.data.data()); }

}  // namespace

Result<double> measure_matrix_rate(int threads) {
  dnn::Machine machine;
  Pool pool(threads);
  const Pool::Run running(pool);
  const Shape square{kSide, kSide};
  dnn::MatMul wanted;
  wanted.input = wanted.weights = wanted.output = square;
  dnn::Planned planned = TRY(dnn::make_matmul(machine, wanted, true));

  Tensor input = TRY(random_matrix()), weights = TRY(random_matrix());
  Tensor output = TRY(Tensor::uninitialised(DataType::Float32, square));
  SecretBuffer packed(planned.weights.bytes(square));
  const auto packed_start = reinterpret_cast<std::byte*>(packed.data());
  dnn::Primitive pack = TRY(dnn::make_reorder(machine, square, {}, planned.weights));
  SecretBuffer scratch(std::max(pack.scratch_bytes(), planned.primitive.scratch_bytes()));
  const auto scratch_start = reinterpret_cast<std::byte*>(scratch.data());
  std::vector<std::byte*> packing{start_of(weights), packed_start};
  if (pack.scratch_bytes() > 0) packing.push_back(scratch_start);
  TRY(pack.run(packing));

  std::vector<std::byte*> memory{start_of(input), packed_start, start_of(output)};
  if (planned.primitive.scratch_bytes() > 0) memory.push_back(scratch_start);
  Seconds best = Seconds::max();
  const auto start = Clock::now();
  for (int i = 0; i < kFewest || Clock::now() - start < kLongEnough; ++i) {
    const auto before = Clock::now();
    TRY(planned.primitive.run(memory));
    best = std::min(best, Seconds(Clock::now() - before));
  }
  return planned.primitive.flops() / best.count();
}

}  // namespace torchkeep::runtime
