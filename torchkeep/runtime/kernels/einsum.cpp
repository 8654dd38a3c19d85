// Einsum-12: https://onnx.ai/onnx/operators/onnx__Einsum.html
// Two inputs become one matrix product: labels that both have and the result has are batches, those
// that the result has not are summed, the others are rows or columns.
#include <algorithm>
#include <map>

#include "torchkeep/runtime/kernels/axis.h"
#include "torchkeep/runtime/kernels/epilogue.h"
#include "torchkeep/runtime/kernels/known.h"
#include "torchkeep/runtime/kernels/operators.h"
#include "torchkeep/runtime/kernels/strided.h"

namespace torchkeep::runtime::kernels {
namespace {

using Labels = std::string;

struct Equation {
  std::vector<Labels> inputs;
  Labels output;
};

/// Errors: Malformed for anything but labels, commas and an arrow; also for ellipses.
Result<Equation> parse_equation(std::string_view text) {
  Equation equation;
  equation.inputs.emplace_back();
  bool arrow = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == ' ') continue;
    if (c == ',' && !arrow) {
      equation.inputs.emplace_back();
    } else if (c == '-' && i + 1 < text.size() && text[i + 1] == '>' && !arrow) {
      arrow = true;
      ++i;
    } else if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) {
      (arrow ? equation.output : equation.inputs.back()).push_back(c);
    } else {
      return malformed("the equation \"", text, "\" is not supported");
    }
  }
  if (arrow) return equation;
  // Without an arrow: those that are there once, in order.
  std::map<char, int> counts;
  for (const Labels& labels : equation.inputs) {
    for (const char label : labels) ++counts[label];
  }
  for (const auto& [label, count] : counts) {
    if (count == 1) equation.output.push_back(label);
  }
  return equation;
}

using Sizes = std::map<char, std::int64_t>;

Shape shape_of(const Labels& labels, const Sizes& sizes) {
  Shape shape;
  for (const char label : labels) shape.push_back(sizes.find(label)->second);
  return shape;
}

std::int64_t product_of(const Labels& labels, const Sizes& sizes) {
  const Shape shape = shape_of(labels, sizes);
  return static_cast<std::int64_t>(extent(shape, 0, shape.size()));
}

class Einsum final : public Kernel {
 public:
  explicit Einsum(Equation equation) : equation_(std::move(equation)) {}

  Result<void> plan(plan::Builder& builder) override {
    const std::size_t count = equation_.inputs.size();
    if (count != builder.input_count() || count > 2)
      return malformed("there are ", builder.input_count(), " inputs, the equation has ", count,
                       ", supported are 1 or 2");
    Sizes sizes;
    for (std::size_t i = 0; i < count; ++i) {
      TRY(expect_float(builder, i));
      const Shape& shape = builder.input(i).shape;
      if (shape.size() != equation_.inputs[i].size())
        return malformed("input ", i, " of shape ", describe(shape), " is \"", equation_.inputs[i],
                         "\"");
      for (std::size_t d = 0; d < shape.size(); ++d) {
        const auto [known, added] = sizes.emplace(equation_.inputs[i][d], shape[d]);
        if (!added && known->second != shape[d])
          return malformed("dimension ", d, " of input ", i, " is ", shape[d], ", elsewhere ",
                           known->second);
      }
    }
    Labels output = equation_.output;
    std::ranges::sort(output);
    if (std::ranges::adjacent_find(output) != output.end())
      return malformed("the result has a label twice");
    for (const char label : output) {
      if (!sizes.contains(label)) return malformed("no input has the result's label ", label);
    }
    TRY(check_shape(shape_of(equation_.output, sizes)));
    return multiply(builder, sizes);
  }

 private:
  static bool has(const Labels& labels, char label) { return labels.find(label) != Labels::npos; }

  /// Input `index` with its dimensions in the order of `labels`; a label that it has twice is its
  /// diagonal.
  Result<plan::BufferId> arranged(plan::Builder& builder, std::size_t index, const Labels& labels,
                                  const Sizes& sizes) const {
    const std::vector<std::int64_t> strides = row_major_strides(builder.input(index).shape);
    StridedCopy copy{shape_of(labels, sizes), {}, 0};
    for (const char label : labels) {
      std::int64_t stride = 0;
      for (std::size_t d = 0; d < strides.size(); ++d) {
        if (equation_.inputs[index][d] == label) stride += strides[d];
      }
      copy.strides.push_back(stride);
    }
    const plan::BufferId from = TRY(builder.read(index));
    if (labels == equation_.inputs[index]) return from;
    const plan::BufferId to = TRY(builder.scratch(TRY(byte_count(DataType::Float32, copy.shape))));
    builder.step({from, to}, strided_action(DataType::Float32, copy));
    return to;
  }

  Result<void> multiply(plan::Builder& builder, const Sizes& sizes) const {
    // A single input is multiplied with a one.
    const Labels& left = equation_.inputs[0];
    const Labels right = equation_.inputs.size() == 2 ? equation_.inputs[1] : Labels();
    Labels batch, rows, columns, summed;
    for (const auto& [label, size] : sizes) {
      const bool kept = has(equation_.output, label);
      if (!kept) summed.push_back(label);
    }
    // In the result's order, so that often nothing is moved at the end.
    for (const char label : equation_.output) {
      const bool first = has(left, label), second = has(right, label);
      (first && second ? batch : first ? rows : columns).push_back(label);
    }
    Labels only_left, only_right;
    for (const char label : summed) {
      if (!has(right, label)) only_left.push_back(label);
      if (!has(left, label)) only_right.push_back(label);
    }
    if (equation_.inputs.size() == 2 && (!only_left.empty() || !only_right.empty()))
      return malformed("a label that only one input has is summed, which is not supported");
    const std::int64_t b = product_of(batch, sizes), m = product_of(rows, sizes),
                       k = product_of(summed, sizes), n = product_of(columns, sizes);
    if (b == 0 || m == 0 || n == 0 || k == 0) return malformed("an input has no elements");
    dnn::MatMul product;
    product.input = {b, m, k};
    product.weights = {b, k, n};
    product.output = {b, m, n};
    const plan::BufferId first = TRY(arranged(builder, 0, batch + rows + summed, sizes));
    const plan::BufferId second = equation_.inputs.size() == 2
                                      ? TRY(arranged(builder, 1, batch + summed + columns, sizes))
                                      : TRY(ones(builder, k * b));
    dnn::Planned planned = TRY(dnn::make_matmul(builder.machine(), product, false));
    const Labels made = batch + rows + columns;
    const Shape output = shape_of(equation_.output, sizes);
    const bool in_order = made == equation_.output;
    const plan::BufferId result =
        in_order ? TRY(builder.write(0, DataType::Float32, output))
                 : TRY(builder.scratch(TRY(byte_count(DataType::Float32, output))));
    TRY(builder.step({first, second, result}, std::move(planned.primitive)));
    if (in_order) return {};
    const std::vector<std::int64_t> strides = row_major_strides(shape_of(made, sizes));
    StridedCopy copy{output, {}, 0};
    for (const char label : equation_.output) copy.strides.push_back(strides[made.find(label)]);
    builder.step({result, TRY(builder.write(0, DataType::Float32, output))},
                 strided_action(DataType::Float32, copy));
    return {};
  }

  static Result<plan::BufferId> ones(plan::Builder& builder, std::int64_t count) {
    const plan::BufferId buffer = TRY(builder.scratch(TRY(byte_count(DataType::Float32, {count}))));
    builder.step({buffer}, [count](std::span<std::byte* const> memory, Pool&) -> Result<void> {
      std::fill_n(target<float>(memory, 0), count, 1.0F);
      return {};
    });
    return buffer;
  }

  Equation equation_;
};

}  // namespace

Result<KernelPointer> make_einsum(NodeReader& node) {
  return std::make_unique<Einsum>(TRY(parse_equation(TRY(node.text_or("equation", "")))));
}

}  // namespace torchkeep::runtime::kernels
