#include "torchkeep/quantise/calibrate.h"

#include <algorithm>
#include <cmath>

#include "torchkeep/runtime/pack.h"

namespace torchkeep::quantise {
namespace {

namespace wire = runtime::wire;

/// ValueInfoProto of FP32 [?]. name = 1, type = 2; TypeProto: tensor_type = 1; its elem_type = 1,
/// shape = 2; TensorShapeProto: dim = 1.
SecretBuffer encode_row(std::string_view name) {
  SecretBuffer dimensions, tensor, type, info;
  wire::append_field(dimensions, 1, {});
  wire::append_int(tensor, 1, static_cast<std::int64_t>(runtime::DataType::Float32));
  wire::append_field(tensor, 2, dimensions);
  wire::append_field(type, 1, tensor);
  wire::append_field(info, 1, as_bytes(name));
  wire::append_field(info, 2, type);
  return info;
}

/// Constant [-1]. NodeProto: attribute = 5; AttributeProto: name = 1, t = 5, type = 20.
SecretBuffer encode_flat(std::string_view name) {
  const std::int64_t all = -1;
  SecretBuffer attribute;
  wire::append_field(attribute, 1, as_bytes("value"));
  wire::append_field(attribute, 5, encode_tensor("", std::span(&all, 1)));
  wire::append_int(attribute, 20, 4);
  SecretBuffer node = encode_node("Constant", {}, {std::string(name)}, name);
  wire::append_field(node, 5, attribute);
  return node;
}

/// Fields of a GraphProto that make a row of each value an output. node = 1, output = 12.
SecretBuffer watch(Draft& draft, const std::vector<std::string_view>& values) {
  const std::string flat = draft.make_name("torchkeep_flat");
  SecretBuffer more;
  wire::append_field(more, 1, encode_flat(flat));
  for (const std::string_view value : values) {
    const std::string row = draft.make_name("torchkeep_watched");
    wire::append_field(more, 1, encode_node("Reshape", {std::string(value), flat}, {row}, row));
    wire::append_field(more, 12, encode_row(row));
  }
  return more;
}

/// The range of most of the numbers, which it reorders.
Result<Range> range_of(std::span<float> numbers, double percentile) {
  if (numbers.empty()) return Range{};
  for (const float number : numbers) {
    if (!std::isfinite(number))
      return malformed(std::isnan(number) ? "is NaN" : "is infinite",
                       ": the model computes no numbers of it, so there is no range");
  }
  const auto beyond =
      static_cast<std::ptrdiff_t>(static_cast<double>(numbers.size()) * (100 - percentile) / 200);
  const auto low = numbers.begin() + beyond, high = numbers.end() - 1 - beyond;
  if (beyond > 0) {
    std::nth_element(numbers.begin(), low, numbers.end());
    std::nth_element(numbers.begin(), high, numbers.end());
    return Range{std::min(*low, 0.0F), std::max(*high, 0.0F)};
  }
  const auto [least, most] = std::ranges::minmax_element(numbers);
  return Range{std::min(*least, 0.0F), std::max(*most, 0.0F)};
}

}  // namespace

Result<std::vector<Range>> calibrate(Draft& draft, const std::vector<std::string_view>& values,
                                     const Samples& samples, const Calibration& calibration,
                                     const std::function<void()>& done_one) {
  auto packed = TRY(runtime::PackedOnnx::open(draft.source().path(), watch(draft, values)));
  const auto model =
      TRY(runtime::Model::load([&](MutableByteView out) { return packed.read(out); },
                               packed.payload_bytes(), {.threads = calibration.threads}));
  std::vector<Range> ranges(values.size());
  for (std::size_t i = 0; i < samples.count; ++i) {
    const std::vector<runtime::Tensor> inputs = TRY(samples.load(i));
    std::vector<runtime::Tensor> outputs = TRY(model->run(inputs).context("calibrating"));
    const std::size_t first = outputs.size() - values.size();
    for (std::size_t k = 0; k < values.size(); ++k) {
      const Range seen =
          TRY(range_of(outputs[first + k].elements<float>(), calibration.percentile)
                  .context(text("calibrating: value \"", values[k], "\" in sample ", i + 1)));
      ranges[k] = {std::min(ranges[k].low, seen.low), std::max(ranges[k].high, seen.high)};
    }
    if (done_one) done_one();
  }
  return ranges;
}

}  // namespace torchkeep::quantise
