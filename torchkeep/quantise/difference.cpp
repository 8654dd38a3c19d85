#include "torchkeep/quantise/difference.h"

#include <algorithm>
#include <cmath>

namespace torchkeep::quantise {
namespace {

using runtime::DataType;
using runtime::Tensor;

template <typename T>
Result<void> take_in(Difference& known, std::span<const T> before, std::span<const T> after) {
  double absolute = 0, largest = 0;
  for (std::size_t i = 0; i < before.size(); ++i) {
    const auto left = static_cast<double>(before[i]), right = static_cast<double>(after[i]);
    if (std::isfinite(left)) largest = std::max(largest, std::abs(left));
    if (left == right || (std::isnan(left) && std::isnan(right))) continue;
    if (!std::isfinite(left) || !std::isfinite(right))
      return malformed("output \"", known.output, "\" at ", i, " was ", left, " and is ", right);
    absolute = std::max(absolute, std::abs(left - right));
  }
  known.absolute = std::max(known.absolute, absolute);
  if (absolute > 0)
    known.relative = std::max(known.relative, absolute / std::max(largest, absolute));
  return {};
}

Result<void> compare(Difference& known, const Tensor& before, const Tensor& after) {
  if (before.dtype != after.dtype || before.shape != after.shape)
    return malformed("output \"", known.output, "\" was ", runtime::name_of(before.dtype), " ",
                     runtime::describe(before.shape), " and is ", runtime::name_of(after.dtype),
                     " ", runtime::describe(after.shape));
  switch (before.dtype) {
    case DataType::Float32:
      return take_in(known, before.elements<float>(), after.elements<float>());
    case DataType::Float64:
      return take_in(known, before.elements<double>(), after.elements<double>());
    case DataType::Int64:
      return take_in(known, before.elements<std::int64_t>(), after.elements<std::int64_t>());
    case DataType::Int32:
      return take_in(known, before.elements<std::int32_t>(), after.elements<std::int32_t>());
    default: return take_in(known, before.elements<std::uint8_t>(), after.elements<std::uint8_t>());
  }
}

}  // namespace

Result<std::vector<Difference>> measure_difference(runtime::Model& before, runtime::Model& after,
                                                   const Samples& samples,
                                                   const std::function<void()>& done_one) {
  std::vector<Difference> differences;
  for (const runtime::Port& port : before.outputs()) differences.push_back({port.name, 0, 0});
  for (std::size_t i = 0; i < samples.count; ++i) {
    const std::vector<Tensor> inputs = TRY(samples.load(i));
    const auto left = TRY(before.run(inputs).context("the model as it was"));
    const auto right = TRY(after.run(inputs).context("the quantised model"));
    for (std::size_t k = 0; k < differences.size(); ++k)
      TRY(compare(differences[k], left[k], right[k]));
    if (done_one) done_one();
  }
  return differences;
}

}  // namespace torchkeep::quantise
