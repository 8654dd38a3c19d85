#include "torchkeep/cli/ordinary_input.h"

#include <charconv>
#include <random>
#include <set>

#include "torchkeep/cli/model_inputs.h"

namespace torchkeep::cli {
namespace {

using runtime::DataType;
using runtime::Tensor;

constexpr std::uint32_t kSeed = 1;

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

Result<Sizes> parse_sizes(std::int64_t batch, const std::vector<std::string>& arguments,
                          const Outline& outline) {
  Sizes sizes{batch, {}};
  std::set<std::string> known;
  for (const auto& [input, names] : outline.dimension_names)
    known.insert(names.begin(), names.end());
  known.erase("");
  for (const std::string& argument : arguments) {
    const auto equals = argument.rfind('=');
    const std::string name = argument.substr(0, equals);
    std::int64_t size = 0;
    const char* const end = argument.data() + argument.size();
    const bool good = equals != argument.npos && equals + 1 < argument.size() &&
                      std::from_chars(argument.data() + equals + 1, end, size).ptr == end &&
                      size >= 1;
    if (!good) return invalid_argument("--dim ", argument, ": write NAME=N with N from 1 on");
    if (!known.contains(name)) {
      std::string names;
      for (const std::string& each : known) names += (names.empty() ? "" : ", ") + each;
      return invalid_argument("--dim ", argument, ": no dimension is called \"", name,
                              "\"; known are: ", names.empty() ? std::string("none") : names);
    }
    sizes.named[name] = size;
  }
  return sizes;
}

Result<std::vector<Tensor>> make_inputs(std::span<const runtime::Port> ports,
                                        const std::vector<std::string>& arguments,
                                        const Outline& outline, const Sizes& sizes) {
  const auto files = TRY(match_inputs(ports, arguments));
  std::vector<Tensor> tensors;
  for (std::size_t i = 0; i < files.size(); ++i) {
    const runtime::Port& port = ports[i];
    if (files[i]) {
      tensors.push_back(TRY(load_input(port, *files[i])));
      continue;
    }
    const auto names = outline.dimension_names.find(port.name);
    runtime::Shape shape = TRY(choose_shape(
        port, names == outline.dimension_names.end() ? std::vector<std::string>() : names->second,
        sizes));
    tensors.push_back(
        TRY(make_ordinary(port.dtype, std::move(shape), kSeed + static_cast<std::uint32_t>(i))
                .context(text("input \"", port.name, "\""))));
  }
  return tensors;
}

}  // namespace torchkeep::cli
