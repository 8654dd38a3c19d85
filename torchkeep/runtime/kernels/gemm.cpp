// Gemm-1 to Gemm-13: https://onnx.ai/onnx/operators/onnx__Gemm.html
#include "torchkeep/runtime/kernels/broadcast.h"
#include "torchkeep/runtime/kernels/chosen_product.h"
#include "torchkeep/runtime/kernels/epilogue.h"
#include "torchkeep/runtime/kernels/operators.h"

namespace torchkeep::runtime::kernels {
namespace {

Shape turned(const Shape& shape, bool turn) { return turn ? Shape{shape[1], shape[0]} : shape; }

class Gemm final : public Kernel {
 public:
  Gemm(float alpha, float beta, bool turn_a, bool turn_b, std::optional<Packed> packed)
      : alpha_(alpha), beta_(beta), turn_a_(turn_a), turn_b_(turn_b), packed_(std::move(packed)) {}

  bool packs(std::size_t input) const override {
    return input == 1 && packed_ && !packed_->is_shared();
  }
  std::uint64_t packed_bytes() const override { return packed_ ? packed_->bytes() : 0; }

  Result<void> plan(plan::Builder& builder) override {
    TRY(expect_float(builder, 0));
    if (!packed_) TRY(expect_float(builder, 1));
    const Shape& a = builder.input(0).shape;
    if (a.size() != 2 || (!packed_ && builder.input(1).shape.size() != 2))
      return malformed("inputs are no matrices");
    const Shape left = turned(a, turn_a_);
    const Shape right = packed_ ? packed_->shape() : turned(builder.input(1).shape, turn_b_);
    if (left[1] != right[0])
      return malformed("matrices ", describe(left), " and ", describe(right), " do not fit");
    const Shape output{left[0], right[1]};
    const bool has_sum = builder.has_input(2) && beta_ != 0;
    const bool is_bias = has_sum && TRY(sum_is_bias(builder, output));
    dnn::MatMul product{
        left, right, output, turn_a_, turn_b_, is_bias, alpha_, epilogue_of(builder), std::nullopt};
    // Any other C is written first, and the product is added to it.
    product.epilogue.residual |= has_sum && !is_bias;
    ChosenProduct chosen = TRY(ChosenProduct::choose(
        builder, product, packed_ ? &*packed_ : nullptr, packed_.has_value()));
    std::vector<plan::BufferId> buffers{TRY(builder.read(0))};
    buffers.push_back(packed_ ? TRY(packed_->in_layout(builder, chosen.weights()))
                              : TRY(builder.read(1)));
    if (is_bias) buffers.push_back(TRY(builder.read(2)));
    buffers.push_back(TRY(write_output(builder, output, {})));
    if (has_sum && !is_bias) TRY(write_sum(builder, output, buffers.back()));
    return std::move(chosen).add_step(builder, true, std::move(buffers));
  }

 private:
  /// oneDNN takes one row as bias, and scales it with the product.
  Result<bool> sum_is_bias(const plan::Builder& builder, const Shape& output) const {
    TRY(expect_float(builder, 2));
    const Shape& sum = builder.input(2).shape;
    const Shape spread = TRY(broadcast_shapes(sum, output));
    if (spread != output)
      return malformed("C of shape ", describe(sum), " does not fit a product of shape ",
                       describe(output));
    return alpha_ == 1 && beta_ == 1 && (sum == Shape{output[1]} || sum == Shape{1, output[1]});
  }

  Result<void> write_sum(plan::Builder& builder, const Shape& output, plan::BufferId target) const {
    if (builder.has_residual()) return malformed("C cannot be joined with a residual sum");
    const Broadcast walk(builder.input(2).shape, output, output);
    builder.step({TRY(builder.read(2)), target},
                 [walk, beta = beta_](std::span<std::byte* const> memory, Pool&) -> Result<void> {
                   const auto* from = reinterpret_cast<const float*>(memory[0]);
                   auto* to = reinterpret_cast<float*>(memory[1]);
                   for (std::size_t row = 0; row < walk.rows(); ++row) {
                     const auto [source, place] = walk.start_of(row);
                     for (std::size_t i = 0; i < walk.columns(); ++i) {
                       to[place + i] = beta * from[source + i * walk.left_step()];
                     }
                   }
                   return {};
                 });
    return {};
  }

  float alpha_, beta_;
  bool turn_a_, turn_b_;
  std::optional<Packed> packed_;
};

}  // namespace

Result<KernelPointer> make_gemm(NodeReader& node) {
  const float alpha = TRY(node.float_or("alpha", 1)), beta = TRY(node.float_or("beta", 1));
  const bool turn_a = TRY(node.int_or("transA", 0)) != 0,
             turn_b = TRY(node.int_or("transB", 0)) != 0;
  if (node.opset() < 7) node.ignore("broadcast");  // it allowed what is always allowed since
  return std::make_unique<Gemm>(alpha, beta, turn_a, turn_b, Packed::find_matrix(node, turn_b));
}

}  // namespace torchkeep::runtime::kernels
