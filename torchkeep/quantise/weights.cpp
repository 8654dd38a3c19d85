// Weights alone:
//
//   w FP32 -> MatMul        becomes        w INT8, scales -> DequantizeLinear -> MatMul
#include "torchkeep/quantise/ways.h"

namespace torchkeep::quantise {
namespace {

using runtime::DataType;
using runtime::Shape;

Result<StoredWeights> add_blocks(Draft& draft, const Product& product, std::size_t block) {
  const TensorProto& weights = *product.weights;
  const auto rows = static_cast<std::size_t>(weights.shape[0]),
             columns = static_cast<std::size_t>(weights.shape[1]);
  const SecretBuffer floats = TRY(draft.source().load_floats(weights));
  const Numbers made =
      TRY(quantise_blocks(as_floats(floats), rows, columns, block, product.transposed));
  const std::size_t axis = product.transposed ? 1 : 0;
  Shape scales = weights.shape;
  scales[axis] = static_cast<std::int64_t>(made.scales.size()) / scales[1 - axis];
  StoredWeights stored{draft.make_name(text(weights.name, "_int4")),
                       draft.make_name(text(weights.name, "_scale")),
                       draft.make_name(text(weights.name, "_dequantized")),
                       {}};
  draft.add(encode_tensor(stored.numbers, kFourBits, weights.shape, made.bytes));
  draft.add(encode_tensor(stored.scales, made.scales, scales));
  draft.insert(product.node,
               encode_node("DequantizeLinear", {stored.numbers, stored.scales}, {stored.floats},
                           draft.make_name(text(draft.source().name_of(product.node), "_weights")),
                           {{"axis", static_cast<std::int64_t>(axis)},
                            {"block_size", static_cast<std::int64_t>(block)}}));
  return stored;
}

}  // namespace

std::string weights_of(const Draft& draft, const Product& product) {
  return text(draft.source().describe(product.node), ": its weights");
}

Lying lying_of(const Product& product) {
  const TensorProto& weights = *product.weights;
  const std::size_t all = weights.byte_count / sizeof(float), channels = product.channels();
  const std::size_t others = channels == 0 ? 0 : all / channels;
  return product.axis() == 0 ? Lying{1, channels, others} : Lying{others, channels, 1};
}

Result<StoredWeights> add_channels(Draft& draft, const Product& product, bool with_zeros) {
  const TensorProto& weights = *product.weights;
  const SecretBuffer floats = TRY(draft.source().load_floats(weights));
  Numbers made = TRY(quantise_channels(as_floats(floats), lying_of(product)));
  StoredWeights stored{draft.make_name(text(weights.name, "_int8")),
                       draft.make_name(text(weights.name, "_scale")),
                       draft.make_name(text(weights.name, "_dequantized")), std::move(made.scales)};
  draft.add(encode_tensor(stored.numbers, static_cast<std::int64_t>(DataType::Int8), weights.shape,
                          made.bytes));
  draft.add(encode_tensor(stored.scales, stored.each_scale, {std::ssize(stored.each_scale)}));
  Names inputs{stored.numbers, stored.scales};
  if (with_zeros) {
    inputs.push_back(draft.make_name(text(weights.name, "_zero_point")));
    const Bytes zeros(stored.each_scale.size(), 0);
    draft.add(encode_tensor(inputs.back(), static_cast<std::int64_t>(DataType::Int8),
                            {std::ssize(zeros)}, zeros));
  }
  draft.insert(product.node,
               encode_node("DequantizeLinear", inputs, {stored.floats},
                           draft.make_name(text(draft.source().name_of(product.node), "_weights")),
                           {{"axis", static_cast<std::int64_t>(product.axis())}}));
  return stored;
}

Result<void> quantise_weights(Draft& draft, const std::vector<Product>& products, int bits,
                              std::size_t block, const Step& step) {
  std::map<const TensorProto*, StoredWeights> known;
  for (const Product& product : products) {
    step();
    auto stored = known.find(product.weights);
    if (stored == known.end()) {
      auto made =
          bits == 4 ? add_blocks(draft, product, block) : add_channels(draft, product, false);
      stored =
          known.emplace(product.weights, TRY(std::move(made).context(weights_of(draft, product))))
              .first;
    }
    TRY(draft.reread(product.node, 1, stored->second.floats));
  }
  return {};
}

}  // namespace torchkeep::quantise
