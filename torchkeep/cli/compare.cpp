#include "torchkeep/cli/compare.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

#include "torchkeep/runtime/sequence.h"

namespace torchkeep::cli {
namespace {

using runtime::DataType;
using runtime::Tensor;

// As ONNX numbers them; half floats are there for engines that hold them.
constexpr std::int32_t kFloat16 = 10, kBfloat16 = 16;

template <typename T>
T element(const Tensor& tensor, std::size_t index) {
  T value;
  std::memcpy(&value, tensor.data.data() + index * sizeof(T), sizeof(T));
  return value;
}

float from_half(std::uint16_t bits) {
  const int exponent = bits >> 10 & 0x1f;
  const auto fraction = static_cast<float>(bits & 0x3ff);
  float size = 0;
  if (exponent == 0x1f) {
    size = fraction == 0 ? INFINITY : NAN;
  } else {
    size = exponent == 0 ? std::ldexp(fraction, -24) : std::ldexp(fraction + 1024, exponent - 25);
  }
  return (bits & 0x8000) == 0 ? size : -size;
}

bool is_floating(DataType type) {
  const auto number = static_cast<std::int32_t>(type);
  return type == DataType::Float32 || type == DataType::Float64 || number == kFloat16 ||
         number == kBfloat16;
}

double real_element(const Tensor& tensor, std::size_t index) {
  if (tensor.dtype == DataType::Float64) return element<double>(tensor, index);
  if (tensor.dtype == DataType::Float32) return static_cast<double>(element<float>(tensor, index));
  const auto bits = element<std::uint16_t>(tensor, index);
  if (static_cast<std::int32_t>(tensor.dtype) == kFloat16)
    return static_cast<double>(from_half(bits));
  return static_cast<double>(std::bit_cast<float>(std::uint32_t{bits} << 16));
}

/// How far apart two numbers are in units of what is allowed; at most 1 is near enough.
double excess(double found, double wanted, const Tolerance& tolerance) {
  if (found == wanted || (std::isnan(found) && std::isnan(wanted))) return 0;
  if (!std::isfinite(found) || !std::isfinite(wanted)) return INFINITY;
  return std::abs(found - wanted) / (tolerance.absolute + tolerance.relative * std::abs(wanted));
}

/// "[0, 2, 1]", of the element that stands at `index` in row-major order.
std::string position(const runtime::Shape& shape, std::size_t index) {
  runtime::Shape place(shape.size());
  for (std::size_t i = shape.size(); i-- > 0;) {
    const auto size = static_cast<std::size_t>(shape[i]);
    place[i] = static_cast<std::int64_t>(index % size);
    index /= size;
  }
  return runtime::describe(place);
}

std::string say_worst(const Tensor& wanted, std::size_t differing, std::size_t count,
                      std::size_t worst, const std::string& found_value,
                      const std::string& wanted_value) {
  return text(differing, " of ", count, " elements differ, the worst at ",
              position(wanted.shape, worst), ": ", found_value, ", wanted ", wanted_value);
}

std::optional<std::string> find_real_difference(const Tensor& found, const Tensor& wanted,
                                                Tolerance tolerance, std::size_t count) {
  double largest = 0;
  // ONNX 1.12's data cut off to bfloat16 where the standard rounds: one step of it is allowed.
  if (static_cast<std::int32_t>(wanted.dtype) == kBfloat16) {
    tolerance.relative = std::max(tolerance.relative, std::ldexp(1.0, -7));
  }
  for (std::size_t i = 0; tolerance.of_largest != 0 && i < count; ++i) {
    const double size = std::abs(real_element(wanted, i));
    if (std::isfinite(size)) largest = std::max(largest, size);
  }
  tolerance.absolute += tolerance.of_largest * largest;
  std::size_t differing = 0, worst = 0;
  double worst_excess = 1;
  for (std::size_t i = 0; i < count; ++i) {
    const double by = excess(real_element(found, i), real_element(wanted, i), tolerance);
    if (!(by > 1)) continue;
    ++differing;
    if (by > worst_excess) {
      worst_excess = by;
      worst = i;
    }
  }
  if (differing == 0) return std::nullopt;
  return say_worst(wanted, differing, count, worst, text(real_element(found, worst)),
                   text(real_element(wanted, worst)));
}

std::string integer_text(const Tensor& tensor, std::size_t index) {
  switch (tensor.dtype) {
    case DataType::Bool: return element<std::uint8_t>(tensor, index) != 0 ? "true" : "false";
    case DataType::UInt8: return text(int{element<std::uint8_t>(tensor, index)});
    case DataType::Int8: return text(int{element<std::int8_t>(tensor, index)});
    case DataType::UInt16: return text(element<std::uint16_t>(tensor, index));
    case DataType::Int16: return text(element<std::int16_t>(tensor, index));
    case DataType::UInt32: return text(element<std::uint32_t>(tensor, index));
    case DataType::UInt64: return text(element<std::uint64_t>(tensor, index));
    case DataType::Int32: return text(element<std::int32_t>(tensor, index));
    case DataType::Int64: return text(element<std::int64_t>(tensor, index));
    default: return "another number";
  }
}

std::optional<std::string> find_exact_difference(const Tensor& found, const Tensor& wanted,
                                                 std::size_t count) {
  const std::size_t size = runtime::element_bytes(wanted.dtype);
  std::size_t differing = 0, first = 0;
  for (std::size_t i = 0; i < count; ++i) {
    if (std::memcmp(found.data.data() + i * size, wanted.data.data() + i * size, size) == 0)
      continue;
    if (differing++ == 0) first = i;
  }
  if (differing == 0) return std::nullopt;
  return say_worst(wanted, differing, count, first, integer_text(found, first),
                   integer_text(wanted, first));
}

/// Item by item, which must be as many.
std::optional<std::string> find_item_difference(const Tensor& found, const Tensor& wanted,
                                                const Tolerance& tolerance) {
  const auto left = runtime::parse_items(found.dtype, found.data),
             right = runtime::parse_items(wanted.dtype, wanted.data);
  if (!left || !right) return "holds no items that can be read";
  if (left->size() != right->size())
    return text("has ", left->size(), " items, wanted are ", right->size());
  const auto copy_of = [](const runtime::Item& item) {
    return Tensor(item.dtype, item.shape, to_secret_buffer(item.bytes));
  };
  for (std::size_t i = 0; i < right->size(); ++i) {
    if (const auto difference =
            find_difference(copy_of((*left)[i]), copy_of((*right)[i]), tolerance))
      return text("item ", i, " ", *difference);
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::string> find_form_difference(const Tensor& found, const Tensor& wanted) {
  if (found.dtype != wanted.dtype) {
    return text("is ", runtime::name_of(found.dtype), ", wanted is ",
                runtime::name_of(wanted.dtype));
  }
  if (found.shape != wanted.shape) {
    return text("has shape ", runtime::describe(found.shape), ", wanted is ",
                runtime::describe(wanted.shape));
  }
  if (found.data.size() != wanted.data.size()) {
    return text("has ", found.data.size(), " bytes, wanted are ", wanted.data.size());
  }
  return std::nullopt;
}

std::optional<std::string> find_difference(const Tensor& found, const Tensor& wanted,
                                           const Tolerance& tolerance) {
  if (found.dtype == wanted.dtype && !runtime::is_tensor(found.dtype))
    return find_item_difference(found, wanted, tolerance);
  if (auto form = find_form_difference(found, wanted)) return form;
  const std::size_t count = wanted.data.size() / runtime::element_bytes(wanted.dtype);
  if (is_floating(wanted.dtype)) return find_real_difference(found, wanted, tolerance, count);
  return find_exact_difference(found, wanted, count);
}

}  // namespace torchkeep::cli
