#include "torchkeep/cli/ordinary_input.h"

#include <random>

namespace torchkeep::cli {
namespace {

using runtime::DataType;
using runtime::Tensor;

template <typename T, typename Distribution>
void fill(Tensor& tensor, Distribution distribution, std::mt19937& random) {
  for (T& element : tensor.elements<T>()) element = static_cast<T>(distribution(random));
}

}  // namespace

Result<runtime::Shape> choose_shape(const runtime::Port& port,
                                    const std::vector<std::string>& names, const Sizes& sizes) {
  runtime::Shape shape = port.shape;
  for (std::size_t i = 0; i < shape.size(); ++i) {
    if (shape[i] != -1) continue;
    const auto named = i < names.size() ? sizes.named.find(names[i]) : sizes.named.end();
    shape[i] = named != sizes.named.end() ? named->second : i == 0 ? sizes.batch : 1;
  }
  if (sizes.batch != 1 && !port.shape.empty() && port.shape[0] != -1 &&
      port.shape[0] != sizes.batch) {
    return invalid_argument("--batch ", sizes.batch, ": the model fixes the first dimension of \"",
                            port.name, "\" to ", port.shape[0], "; export it with dynamic_axes");
  }
  return shape;
}

Result<Tensor> make_ordinary(DataType dtype, runtime::Shape shape, std::uint32_t seed) {
  std::mt19937 random(seed);
  Tensor tensor = TRY(Tensor::uninitialised(dtype, std::move(shape)));
  switch (dtype) {
    case DataType::Float32:
      fill<float>(tensor, std::normal_distribution<float>(), random);
      return tensor;
    case DataType::Float64:
      fill<double>(tensor, std::normal_distribution<double>(), random);
      return tensor;
    case DataType::UInt8:
      fill<std::uint8_t>(tensor, std::uniform_int_distribution<int>(0, 255), random);
      return tensor;
    case DataType::Int8:
      fill<std::int8_t>(tensor, std::uniform_int_distribution<int>(-128, 127), random);
      return tensor;
    case DataType::UInt16:
      fill<std::uint16_t>(tensor, std::uniform_int_distribution<int>(0, 1), random);
      return tensor;
    case DataType::Int16:
      fill<std::int16_t>(tensor, std::uniform_int_distribution<int>(0, 1), random);
      return tensor;
    case DataType::Int32:
      fill<std::int32_t>(tensor, std::uniform_int_distribution<int>(0, 1), random);
      return tensor;
    case DataType::UInt32:
      fill<std::uint32_t>(tensor, std::uniform_int_distribution<int>(0, 1), random);
      return tensor;
    case DataType::Int64:
      fill<std::int64_t>(tensor, std::uniform_int_distribution<int>(0, 1), random);
      return tensor;
    case DataType::UInt64:
      fill<std::uint64_t>(tensor, std::uniform_int_distribution<int>(0, 1), random);
      return tensor;
    case DataType::Bool:
      fill<std::uint8_t>(tensor, std::uniform_int_distribution<int>(1, 1), random);
      return tensor;
    default: break;
  }
  return invalid_argument("no numbers are made up for ", runtime::name_of(dtype),
                          ": hand a file in with -i NAME=FILE");
}

}  // namespace torchkeep::cli
