// MatMul-1 to MatMul-13: https://onnx.ai/onnx/operators/onnx__MatMul.html
#include <algorithm>

#include "torchkeep/runtime/kernels/chosen_product.h"
#include "torchkeep/runtime/kernels/epilogue.h"
#include "torchkeep/runtime/kernels/operators.h"
#include "torchkeep/runtime/kernels/rescale.h"
#include "torchkeep/runtime/kernels/stored_product.h"

namespace torchkeep::runtime::kernels {
namespace {

class MatMul final : public Kernel {
 public:
  /// `biased`: there is one number a column, which the optimiser gave it as third input.
  MatMul(std::optional<Packed> packed, bool biased, float scale)
      : packed_(std::move(packed)), biased_(biased), scale_(scale) {}
  /// Of quantised numbers, whose weights are constant.
  MatMul(Packed packed, Rescale rescale)
      : packed_(std::move(packed)), biased_(rescale.has_bias()), rescale_(std::move(rescale)) {}

  bool packs(std::size_t input) const override {
    return packed_ && !packed_->is_shared() && (input == 1 || (input > 1 && rescale_));
  }
  std::uint64_t packed_bytes() const override { return packed_ ? packed_->bytes() : 0; }

  Result<void> plan(plan::Builder& builder) override {
    TRY(rescale_ ? rescale_->expect_input(builder) : expect_float(builder, 0));
    if (!packed_) TRY(expect_float(builder, 1));
    Shape left = builder.input(0).shape,
          right = packed_ ? packed_->shape() : builder.input(1).shape;
    if (left.empty() || right.empty())
      return malformed("scalars have no matrix product: ", describe(left), " and ",
                       describe(right));
    const bool vector_left = left.size() == 1, vector_right = right.size() == 1;
    if (vector_left) left.insert(left.begin(), 1);
    if (vector_right) right.push_back(1);
    if (left.back() != right[right.size() - 2])
      return malformed("shapes ", describe(builder.input(0).shape), " and ",
                       describe(packed_ ? packed_->shape() : builder.input(1).shape),
                       " do not fit");
    Shape output = TRY(output_shape(left, right));
    dnn::MatMul product{
        left,        right,   output, false,
        false,       biased_, scale_, rescale_ ? rescale_->epilogue(builder) : epilogue_of(builder),
        std::nullopt};
    if (right.size() == 2) {
      // All rows of all batches meet the same weights.
      const std::int64_t rows =
          static_cast<std::int64_t>(TRY(element_count(Shape(left.begin(), left.end() - 1))));
      product.input = {rows, left.back()};
      product.output = {rows, right.back()};
    } else {
      product.input.insert(product.input.begin(), output.size() - left.size(), 1);
      product.weights.insert(product.weights.begin(), output.size() - right.size(), 1);
    }
    if (vector_left) output.erase(output.end() - 2);
    if (vector_right) output.pop_back();
    const DataType type = rescale_ ? rescale_->output() : DataType::Float32;
    const bool fits = residual_fits(builder, output, type);
    if (!fits) product.epilogue = {};
    if (rescale_) product.quantised = rescale_->numbers(fits);
    ChosenProduct chosen = TRY(ChosenProduct::choose(
        builder, product, packed_ && !rescale_ ? &*packed_ : nullptr, packed_.has_value()));
    std::vector<plan::BufferId> buffers;
    buffers.reserve(4);
    buffers.push_back(TRY(builder.read(0)));
    buffers.push_back(packed_ ? TRY(packed_->in_layout(builder, chosen.weights()))
                              : TRY(builder.read(1)));
    if (biased_) buffers.push_back(rescale_ ? rescale_->bias(builder, fits) : TRY(builder.read(2)));
    if (fits) {
      buffers.push_back(TRY(write_output(builder, std::move(output), {}, type)));
      return std::move(chosen).add_step(builder, true, std::move(buffers));
    }
    const plan::BufferId result = TRY(builder.scratch(TRY(byte_count(DataType::Float32, output))));
    buffers.push_back(result);
    TRY(std::move(chosen).add_step(builder, false, std::move(buffers)));
    if (rescale_) return rescale_->add_residual_apart(builder, output, result);
    return add_residual_apart(builder, output, {}, result);
  }

 private:
  /// Batches are broadcast against each other.
  static Result<Shape> output_shape(const Shape& left, const Shape& right) {
    const std::size_t rank = std::max(left.size(), right.size());
    Shape output(rank, 1);
    for (std::size_t i = 0; i + 2 < rank; ++i) {
      const std::int64_t first = i + left.size() < rank ? 1 : left[i + left.size() - rank];
      const std::int64_t second = i + right.size() < rank ? 1 : right[i + right.size() - rank];
      if (first != second && first != 1 && second != 1)
        return malformed("batches of shapes ", describe(left), " and ", describe(right),
                         " do not fit");
      output[i] = first == 1 ? second : first;
    }
    output[rank - 2] = left[left.size() - 2];
    output[rank - 1] = right.back();
    return output;
  }

  std::optional<Packed> packed_;
  bool biased_;
  float scale_ = 1;
  std::optional<Rescale> rescale_;
};

}  // namespace

Result<KernelPointer> make_mat_mul(NodeReader& node) {
  // ONNX has no third input; the optimiser's marks are no part of a file.
  if (node.node().attention) return make_written_attention(node);
  if (node.node().quantised && node.node().quantised->input.dtype == DataType::Float32)
    return make_stored_product(node);
  if (node.node().quantised) {
    std::shared_ptr<graph::Constant> weights = node.constant(1);
    if (!weights || weights->dtype() != DataType::Int8 || weights->shape().size() != 2)
      return malformed("the weights of a quantised product are no matrix of INT8");
    Rescale rescale = TRY(Rescale::make(node, static_cast<std::size_t>(weights->shape()[1])));
    const Shape shape = weights->shape();
    return std::make_unique<MatMul>(Packed(std::move(weights), shape), std::move(rescale));
  }
  if (node.node().inputs.size() > (node.node().biased ? 3 : 2))
    return malformed("there are ", node.node().inputs.size(), " inputs, at most 2 are wanted");
  return std::make_unique<MatMul>(Packed::find_matrix(node, node.node().turned), node.node().biased,
                                  node.node().scale);
}

}  // namespace torchkeep::runtime::kernels
