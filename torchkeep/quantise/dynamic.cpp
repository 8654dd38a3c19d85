// Activations quantised as each run finds them:
//
//   x, w -> MatMul -> y      becomes      x -> DynamicQuantizeLinear -> MatMulInteger (w INT8)
//                                                                    -> Cast -> Mul (scales) -> y
//
// and of a Gemm the bias is added behind it. Products of the same x share what it is quantised to.
#include "torchkeep/quantise/ways.h"

namespace torchkeep::quantise {
namespace {

using runtime::DataType;

struct Input {
  std::string numbers, scale, zero;
};

struct Matrix {
  std::string numbers, scales;  ///< INT8 [inner, columns], FP32 [columns].
};

Input add_input(Draft& draft, const Product& product) {
  const std::string_view read = draft.source().nodes()[product.node].inputs[0];
  Input made{draft.make_name(text(read, "_quantized")), draft.make_name(text(read, "_scale")),
             draft.make_name(text(read, "_zero_point"))};
  draft.insert(product.node,
               encode_node("DynamicQuantizeLinear", {std::string(read)},
                           {made.numbers, made.scale, made.zero},
                           draft.make_name(text(draft.source().name_of(product.node), "_input"))));
  return made;
}

Result<Matrix> add_matrix(Draft& draft, const Product& product) {
  const TensorProto& weights = *product.weights;
  const SecretBuffer floats = TRY(draft.source().load_floats(weights));
  Numbers made = TRY(quantise_channels(as_floats(floats), lying_of(product)));
  runtime::Shape shape = weights.shape;
  if (product.transposed) {
    made.bytes =
        turn(made.bytes, static_cast<std::size_t>(shape[0]), static_cast<std::size_t>(shape[1]));
    std::swap(shape[0], shape[1]);
  }
  Matrix matrix{draft.make_name(text(weights.name, "_int8")),
                draft.make_name(text(weights.name, "_scale"))};
  draft.add(
      encode_tensor(matrix.numbers, static_cast<std::int64_t>(DataType::Int8), shape, made.bytes));
  draft.add(encode_tensor(matrix.scales, made.scales, {std::ssize(made.scales)}));
  return matrix;
}

void replace_product(Draft& draft, const Product& product, const Input& input,
                     const Matrix& matrix) {
  const NodeProto& node = draft.source().nodes()[product.node];
  const std::string who = draft.source().name_of(product.node), made(node.outputs[0]);
  const bool has_bias = node.inputs.size() > 2 && !node.inputs[2].empty();
  const auto name = [&](std::string_view what) { return draft.make_name(text(who, what)); };
  const std::string sums = name("_sums"), floats = name("_sums_fp32"), scale = name("_scale"),
                    scaled = has_bias ? name("_scaled") : made;
  const std::size_t place = product.node;
  draft.insert(place, encode_node("MatMulInteger", {input.numbers, matrix.numbers, input.zero},
                                  {sums}, name("_product")));
  draft.insert(place, encode_node("Cast", {sums}, {floats}, name("_cast"),
                                  {{"to", static_cast<std::int64_t>(DataType::Float32)}}));
  draft.insert(place, encode_node("Mul", {input.scale, matrix.scales}, {scale}, name("_scales")));
  draft.insert(place, encode_node("Mul", {floats, scale}, {scaled}, name("_rescaled")));
  if (has_bias) {
    draft.insert(place,
                 encode_node("Add", {scaled, std::string(node.inputs[2])}, {made}, name("_bias")));
  }
  draft.drop(place);
}

}  // namespace

Result<void> quantise_dynamically(Draft& draft, const std::vector<Product>& products,
                                  const Step& step) {
  std::map<std::string_view, Input> inputs;
  std::map<const TensorProto*, Matrix> matrices;
  for (const Product& product : products) {
    step();
    const std::string_view read = draft.source().nodes()[product.node].inputs[0];
    if (!inputs.contains(read)) inputs.emplace(read, add_input(draft, product));
    auto matrix = matrices.find(product.weights);
    if (matrix == matrices.end()) {
      auto made = add_matrix(draft, product);
      matrix =
          matrices
              .emplace(product.weights, TRY(std::move(made).context(weights_of(draft, product))))
              .first;
    }
    replace_product(draft, product, inputs.at(read), matrix->second);
  }
  return {};
}

}  // namespace torchkeep::quantise
