#include "torchkeep/quantise/products.h"

#include <algorithm>
#include <array>

namespace torchkeep::quantise {
namespace {

using runtime::DataType;
using runtime::Shape;

constexpr std::array<std::string_view, 8> kExpected{"Conv", "ConvTranspose", "Gemm", "MatMul",
                                                    "LSTM", "GRU",           "RNN",  "Einsum"};

std::optional<Product::Kind> kind_of(const NodeProto& node) {
  if (is_standard(node, "Conv")) return Product::Kind::Conv;
  if (is_standard(node, "Gemm")) return Product::Kind::Gemm;
  if (is_standard(node, "MatMul")) return Product::Kind::MatMul;
  return std::nullopt;
}

float float_of(const NodeProto& node, std::string_view name) {
  const runtime::graph::Attribute* const found = find_attribute(node, name);
  return found == nullptr ? 1.0F : found->f;
}

}  // namespace

std::string fault_of_gemm(const Source& source, const NodeProto& node, std::int64_t columns) {
  if (int_of(node, "transA", 0) != 0 || float_of(node, "alpha") != 1 || float_of(node, "beta") != 1)
    return "it turns its input (transA), or scales (alpha, beta)";
  if (node.inputs.size() < 3 || node.inputs[2].empty()) return "";
  const TensorProto* const bias = source.find_known(node.inputs[2]);
  if (bias == nullptr || bias->dtype != DataType::Float32 ||
      (bias->shape != Shape{columns} && bias->shape != Shape{1, columns}))
    return "its bias is no parameter with one number a column";
  return "";
}

namespace {

std::string fault_of_conv(const Source& source, const NodeProto& node, const TensorProto& weights) {
  if (weights.shape.size() < 3 || weights.shape.size() > 5)
    return text("its weights have ", weights.shape.size(), " dimensions");
  if (node.inputs.size() > 2 && !node.inputs[2].empty()) {
    const TensorProto* const bias = source.find_known(node.inputs[2]);
    if (bias == nullptr || bias->dtype != DataType::Float32 ||
        bias->shape != Shape{weights.shape[0]})
      return "its bias is no parameter with one number a channel";
  }
  for (const Reading& reading : source.readers(node.outputs[0])) {
    if (is_standard(source.nodes()[reading.node], "BatchNormalization"))
      return "a BatchNormalization follows; export the model in eval mode, which folds it";
  }
  return "";
}

class Finder {
 public:
  Finder(const Source& source, const Wanted& wanted) : source_(source), wanted_(wanted) {}

  /// Why node `index` is no product to quantise; "" if it is, and `found` then.
  std::string examine(std::size_t index, Product& found) const {
    const NodeProto& node = source_.nodes()[index];
    const std::optional<Product::Kind> kind = kind_of(node);
    if (!kind) return text("operator ", node.op, " is computed with floats");
    if (*kind == Product::Kind::Conv && !wanted_.convolutions)
      return "convolutions stay floats this way; --static quantises them";
    if (node.inputs.size() < 2 || node.outputs.size() != 1) return "it has no weights";
    const TensorProto* const weights = source_.find_known(node.inputs[1]);
    if (weights == nullptr) return "its weights are computed";
    found = {*kind, index, weights, *kind == Product::Kind::Gemm && int_of(node, "transB", 0) != 0};
    if (weights->dtype != DataType::Float32)
      return text("its weights are ", runtime::name_of(weights->dtype), ", wanted is FP32");
    if (*kind != Product::Kind::Conv && weights->shape.size() != 2)
      return text("its weights have ", weights->shape.size(), " dimensions, wanted are 2");
    if (weights->byte_count / sizeof(float) < wanted_.fewest_weights)
      return text("its weights are fewer than ", wanted_.fewest_weights);
    const std::string fault = *kind == Product::Kind::Conv ? fault_of_conv(source_, node, *weights)
                              : *kind == Product::Kind::Gemm
                                  ? fault_of_gemm(source_, node, weights->shape[found.axis()])
                                  : std::string();
    return fault.empty() ? fault_of_sharing(found) : fault;
  }

 private:
  /// Weights that something else reads too would be there twice.
  std::string fault_of_sharing(const Product& product) const {
    std::vector<std::string_view> names{source_.origin(source_.nodes()[product.node].inputs[1])};
    for (std::size_t i = 0; i < names.size(); ++i) {
      if (source_.is_input(names[i])) return "its weights are an input of the model, too";
      if (source_.read_elsewhere(names[i]))
        return "its weights are an output, or read within the body of another node, too";
      for (const Reading& reading : source_.readers(names[i])) {
        const NodeProto& reader = source_.nodes()[reading.node];
        if (is_standard(reader, "Identity"))
          names.push_back(reader.outputs[0]);
        else if (!reads_alike(reader, reading.input, product))
          return text("its weights are read by ", source_.describe(reading.node), ", too");
      }
    }
    return "";
  }

  static bool reads_alike(const NodeProto& reader, std::size_t input, const Product& product) {
    if (input != 1 || kind_of(reader) != product.kind) return false;
    return product.kind != Product::Kind::Gemm ||
           (int_of(reader, "transB", 0) != 0) == product.transposed;
  }

  const Source& source_;
  const Wanted& wanted_;
};

}  // namespace

std::vector<Product> find_products(const Source& source, const Wanted& wanted,
                                   std::vector<Left>& left) {
  const Finder finder(source, wanted);
  std::vector<Product> products;
  for (std::size_t i = 0; i < source.nodes().size(); ++i) {
    const NodeProto& node = source.nodes()[i];
    if (!node.domain.empty() || std::ranges::find(kExpected, node.op) == kExpected.end()) continue;
    Product product;
    std::string fault = finder.examine(i, product);
    if (fault.empty())
      products.push_back(product);
    else
      left.push_back({source.name_of(i), std::string(node.op), std::move(fault)});
  }
  for (const auto& [op, count] : source.inner_operators()) {
    if (std::ranges::find(kExpected, op) != kExpected.end())
      left.push_back({text(count, count == 1 ? " node" : " nodes"), op,
                      "within the body of an If, Loop or Scan"});
  }
  return products;
}

}  // namespace torchkeep::quantise
