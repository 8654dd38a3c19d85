// Ranges that samples showed:
//
//   x -> Conv -> Relu -> y     becomes     x -> Q -> DQ -> Conv (w INT8, DQ; bias INT32, DQ)
//                                                           -> Relu -> y -> Q -> DQ
//
// which runtime/optimise/fuse_dequantize.cpp, stay_quantised.cpp and fuse_quantize.cpp take for
// products of integers from end to end.
#include "torchkeep/quantise/activations.h"
#include "torchkeep/quantise/ways.h"

namespace torchkeep::quantise {
namespace {

using runtime::DataType;

constexpr std::int64_t kByte = static_cast<std::int64_t>(DataType::UInt8),
                       kSum = static_cast<std::int64_t>(DataType::Int32);

/// A scale and a zero point that stand in the draft.
struct Unit {
  std::string scale, zero;
};

Unit add_unit(Draft& draft, std::string_view value, const Range& range) {
  Unit unit{draft.make_name(text(value, "_scale")), draft.make_name(text(value, "_zero_point"))};
  const float scale = range.scale();
  const std::uint8_t zero = range.zero();
  draft.add(encode_tensor(unit.scale, std::span(&scale, 1), {}));
  draft.add(encode_tensor(unit.zero, kByte, {}, {&zero, 1}));
  return unit;
}

/// Puts both nodes before the first reader, and lets the readers read what they make.
Result<void> add_pair(Draft& draft, const Activation& activation, const Unit& unit) {
  std::size_t first = activation.readers[0].node;
  for (const Reading& reading : activation.readers) first = std::min(first, reading.node);
  const std::string value(activation.name), numbers = draft.make_name(value + "_quantized"),
                                            floats = draft.make_name(value + "_dequantized");
  draft.insert(first, encode_node("QuantizeLinear", {value, unit.scale, unit.zero}, {numbers},
                                  draft.make_name(value + "_QuantizeLinear")));
  draft.insert(first, encode_node("DequantizeLinear", {numbers, unit.scale, unit.zero}, {floats},
                                  draft.make_name(value + "_DequantizeLinear")));
  for (const Reading& reading : activation.readers)
    TRY(draft.reread(reading.node, reading.input, floats));
  return {};
}

/// A bias of floats that runtimes add to sums of integers; left as it is where it does not fit.
Result<void> add_bias(Draft& draft, const Product& product, float input_scale,
                      const StoredWeights& weights) {
  const Source& source = draft.source();
  const NodeProto& node = source.nodes()[product.node];
  if (node.inputs.size() < 3 || node.inputs[2].empty()) return {};
  const TensorProto* const bias = source.find_known(node.inputs[2]);
  const SecretBuffer floats = TRY(source.load_floats(*bias));
  const auto numbers = quantise_bias(as_floats(floats), input_scale, weights.each_scale);
  if (!numbers) return {};
  std::vector<float> scales = weights.each_scale;
  for (float& scale : scales) scale *= input_scale;
  const std::string name = draft.make_name(text(bias->name, "_int32")),
                    scale = draft.make_name(text(bias->name, "_scale")),
                    made = draft.make_name(text(bias->name, "_dequantized"));
  draft.add(encode_tensor(name, kSum, bias->shape,
                          {reinterpret_cast<const std::uint8_t*>(numbers->data()),
                           numbers->size() * sizeof(std::int32_t)}));
  draft.add(encode_tensor(scale, scales, {std::ssize(scales)}));
  draft.insert(product.node,
               encode_node("DequantizeLinear", {name, scale}, {made},
                           draft.make_name(text(source.name_of(product.node), "_bias")),
                           {{"axis", std::ssize(bias->shape) - 1}}));
  return draft.reread(product.node, 2, made);
}

/// Products whose input was 0 all the time have nothing to be quantised by.
std::vector<Product> with_range(const Draft& draft, std::vector<Product> products,
                                const std::map<std::string_view, Range>& ranges,
                                std::vector<Left>& left) {
  std::erase_if(products, [&](const Product& product) {
    const NodeProto& node = draft.source().nodes()[product.node];
    if (!ranges.at(node.inputs[0]).empty()) return false;
    left.push_back({draft.source().name_of(product.node), std::string(node.op),
                    "its input was 0 in all samples"});
    return true;
  });
  return products;
}

}  // namespace

Result<std::vector<Product>> quantise_statically(Draft& draft, const std::vector<Product>& products,
                                                 const Samples& samples,
                                                 const Calibration& calibration, bool portable,
                                                 const Step& step, std::vector<Left>& left) {
  const std::vector<Activation> activations =
      choose_activations(draft.source(), products, portable);
  std::vector<std::string_view> values;
  for (const Activation& each : activations) values.push_back(each.name);
  const std::vector<Range> seen = TRY(calibrate(draft, values, samples, calibration, step));
  std::map<std::size_t, Range> groups;
  for (std::size_t i = 0; i < values.size(); ++i) {
    Range& range = groups[activations[i].group];
    range = {std::min(range.low, seen[i].low), std::max(range.high, seen[i].high)};
  }
  std::map<std::string_view, Range> ranges;
  std::map<std::size_t, Unit> units;
  for (const Activation& each : activations) {
    const Range& range = ranges[each.name] = groups.at(each.group);
    if (range.empty()) continue;
    if (!units.contains(each.group)) units.emplace(each.group, add_unit(draft, each.name, range));
    TRY(add_pair(draft, each, units.at(each.group)));
  }
  std::vector<Product> taken = with_range(draft, products, ranges, left);
  std::map<const TensorProto*, StoredWeights> known;
  for (const Product& product : taken) {
    step();
    const std::string_view read = draft.source().nodes()[product.node].inputs[0];
    auto weights = known.find(product.weights);
    if (weights == known.end()) {
      auto made = add_channels(draft, product, true);
      weights =
          known.emplace(product.weights, TRY(std::move(made).context(weights_of(draft, product))))
              .first;
    }
    TRY(draft.reread(product.node, 1, weights->second.floats));
    TRY(add_bias(draft, product, ranges.at(read).scale(), weights->second));
  }
  return taken;
}

}  // namespace torchkeep::quantise
