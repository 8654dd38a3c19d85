// Einsum-12: https://onnx.ai/onnx/operators/onnx__Einsum.html
// Two inputs of float32 become one matrix product where they can: labels that both have and the
// result has are batches, those that the result has not are summed, the others are rows or columns.
// Everything else is summed label by label.
#include <algorithm>

#include "torchkeep/runtime/kernels/axis.h"
#include "torchkeep/runtime/kernels/einsum_equation.h"
#include "torchkeep/runtime/kernels/einsum_sum.h"
#include "torchkeep/runtime/kernels/known.h"
#include "torchkeep/runtime/kernels/operators.h"
#include "torchkeep/runtime/kernels/strided.h"

namespace torchkeep::runtime::kernels {
namespace {

bool has(const Labels& labels, char label) { return labels.find(label) != Labels::npos; }

Shape shape_of(const Labels& labels, const Sizes& sizes) {
  Shape shape;
  for (const char label : labels) shape.push_back(sizes.find(label)->second);
  return shape;
}

std::int64_t product_of(const Labels& labels, const Sizes& sizes) {
  const Shape shape = shape_of(labels, sizes);
  return static_cast<std::int64_t>(extent(shape, 0, shape.size()));
}

/// How far input `index` goes for each of `labels`: the sum of its strides of that label, so that a
/// label that it has twice is its diagonal. A dimension of 1 is spread.
std::vector<std::int64_t> strides_of(const plan::Builder& builder, const Labelled& labelled,
                                     std::size_t index, const Labels& labels) {
  const Shape& shape = builder.input(index).shape;
  const std::vector<std::int64_t> all = row_major_strides(shape);
  std::vector<std::int64_t> strides;
  for (const char label : labels) {
    std::int64_t stride = 0;
    for (std::size_t d = 0; d < all.size(); ++d) {
      if (labelled.inputs[index][d] == label && shape[d] != 1) stride += all[d];
    }
    strides.push_back(stride);
  }
  return strides;
}

/// The labels of two inputs, sorted by what they are in a matrix product.
struct Product {
  Labels batch, rows, columns, summed;

  /// None if a label that only one input has is summed.
  static std::optional<Product> of(const Labelled& labelled) {
    Product product;
    const Labels &left = labelled.inputs[0], &right = labelled.inputs[1];
    for (const auto& [label, size] : labelled.sizes) {
      if (has(labelled.output, label)) continue;
      if (!has(left, label) || !has(right, label)) return std::nullopt;
      product.summed.push_back(label);
    }
    // In the result's order, so that often nothing is moved at the end.
    for (const char label : labelled.output) {
      const bool first = has(left, label), second = has(right, label);
      (first && second ? product.batch : first ? product.rows : product.columns).push_back(label);
    }
    return product;
  }
};

class Einsum final : public Kernel {
 public:
  explicit Einsum(Equation equation) : equation_(std::move(equation)) {}

  Result<void> plan(plan::Builder& builder) override {
    std::vector<Shape> shapes;
    for (std::size_t i = 0; i < builder.input_count(); ++i) {
      if (!builder.has_input(i)) return malformed("input ", i, " is left out");
      if (builder.input(i).dtype != builder.input(0).dtype)
        return malformed("inputs are ", name_of(builder.input(0).dtype), " and ",
                         name_of(builder.input(i).dtype));
      shapes.push_back(builder.input(i).shape);
    }
    const Labelled labelled = TRY(label_inputs(equation_, shapes));
    const Shape output = shape_of(labelled.output, labelled.sizes);
    TRY(check_shape(output));
    Labels summed;
    std::int64_t products = 1;
    for (const auto& [label, size] : labelled.sizes) {
      if (!has(labelled.output, label)) summed.push_back(label);
      products = size == 0 ? 0 : products;
    }
    if (shapes.size() == 1 && summed.empty()) {  // elements only move
      return plan_strided(builder, {output, strides_of(builder, labelled, 0, labelled.output), 0},
                          output);
    }
    if (shapes.size() == 2 && builder.input(0).dtype == DataType::Float32 && products != 0) {
      if (const std::optional<Product> product = Product::of(labelled))
        return multiply(builder, labelled, *product);
    }
    EinsumSum sum{output, shape_of(summed, labelled.sizes), {}, {}};
    TRY(element_count(sum.summed));
    for (std::size_t i = 0; i < shapes.size(); ++i) {
      sum.kept_strides.push_back(strides_of(builder, labelled, i, labelled.output));
      sum.summed_strides.push_back(strides_of(builder, labelled, i, summed));
    }
    return plan_einsum_sum(builder, sum);
  }

 private:
  /// Input `index` with its dimensions in the order of `labels`.
  static Result<plan::BufferId> arranged(plan::Builder& builder, std::size_t index,
                                         const Labelled& labelled, const Labels& labels) {
    const plan::BufferId from = TRY(builder.read(index));
    const StridedCopy copy{shape_of(labels, labelled.sizes),
                           strides_of(builder, labelled, index, labels), 0};
    if (labels == labelled.inputs[index] && copy.shape == builder.input(index).shape) return from;
    const plan::BufferId to = TRY(builder.scratch(TRY(byte_count(DataType::Float32, copy.shape))));
    builder.step({from, to}, strided_action(DataType::Float32, copy));
    return to;
  }

  static Result<void> multiply(plan::Builder& builder, const Labelled& labelled,
                               const Product& labels) {
    const Sizes& sizes = labelled.sizes;
    const std::int64_t b = product_of(labels.batch, sizes), m = product_of(labels.rows, sizes),
                       k = product_of(labels.summed, sizes), n = product_of(labels.columns, sizes);
    dnn::MatMul product;
    product.input = {b, m, k};
    product.weights = {b, k, n};
    product.output = {b, m, n};
    const plan::BufferId first =
        TRY(arranged(builder, 0, labelled, labels.batch + labels.rows + labels.summed));
    const plan::BufferId second =
        TRY(arranged(builder, 1, labelled, labels.batch + labels.summed + labels.columns));
    dnn::Planned planned = TRY(dnn::make_matmul(builder.machine(), product, false));
    const Labels made = labels.batch + labels.rows + labels.columns;
    const Shape output = shape_of(labelled.output, sizes);
    const bool in_order = made == labelled.output;
    const plan::BufferId result =
        in_order ? TRY(builder.write(0, DataType::Float32, output))
                 : TRY(builder.scratch(TRY(byte_count(DataType::Float32, output))));
    TRY(builder.step({first, second, result}, std::move(planned.primitive)));
    if (in_order) return {};
    const std::vector<std::int64_t> strides = row_major_strides(shape_of(made, sizes));
    StridedCopy copy{output, {}, 0};
    for (const char label : labelled.output) copy.strides.push_back(strides[made.find(label)]);
    builder.step({result, TRY(builder.write(0, DataType::Float32, output))},
                 strided_action(DataType::Float32, copy));
    return {};
  }

  Equation equation_;
};

}  // namespace

Result<KernelPointer> make_einsum(NodeReader& node) {
  return std::make_unique<Einsum>(TRY(parse_equation(TRY(node.text_or("equation", "")))));
}

}  // namespace torchkeep::runtime::kernels
