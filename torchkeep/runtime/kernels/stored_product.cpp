// MatMul-1 to MatMul-13 with a matrix that DequantizeLinear made of parameters:
// https://onnx.ai/onnx/operators/onnx__MatMul.html
// The parameters stay as small as they are; decoding a token is bound by reading them.
#include "torchkeep/runtime/kernels/stored_product.h"

#include <algorithm>

#include "torchkeep/runtime/kernels/axis.h"
#include "torchkeep/runtime/kernels/curves.h"
#include "torchkeep/runtime/kernels/epilogue.h"
#include "torchkeep/runtime/kernels/stored_matrix.h"
#include "torchkeep/runtime/kernels/types.h"

namespace torchkeep::runtime::kernels {
namespace {

constexpr std::size_t kBytesAThread = 32768;  // of weights: below, waking a thread costs more

class StoredProduct final : public Kernel {
 public:
  StoredProduct(const BytePanels& panels, StoredMatrix matrix, bool biased)
      : panels_(panels), matrix_(std::move(matrix)), biased_(biased) {}

  /// Of parameters that stand in panels already.
  StoredProduct(const BytePanels& panels, bool biased)
      : panels_(panels), biased_(biased), shared_(true) {}

  bool packs(std::size_t input) const override { return !shared_ && input != 0 && input != 2; }
  std::uint64_t packed_bytes() const override {
    return packed_.bytes.size() + factors_.bytes.size();
  }

  Result<void> plan(plan::Builder& builder) override {
    TRY(expect_float(builder, 0));
    const Shape& left = builder.input(0).shape;
    const auto inner = static_cast<std::int64_t>(panels_.inner),
               columns = static_cast<std::int64_t>(panels_.columns);
    if (left.empty() || left.back() != inner)
      return malformed("shapes ", describe(left), " and ", describe({inner, columns}),
                       " do not fit");
    Shape output = left;
    output.back() = columns;
    const std::size_t rows = extent(output, 0, output.size() - 1);
    std::vector<plan::BufferId> buffers{TRY(builder.read(0))};
    if (shared_) {
      buffers.push_back(TRY(builder.read(1)));
      buffers.push_back(TRY(builder.read(3)));
    } else {
      pack(builder);
      buffers.push_back(builder.keep(packed_.bytes, packed_.owner));
      buffers.push_back(builder.keep(factors_.bytes, factors_.owner));
    }
    buffers.push_back(biased_ ? TRY(builder.read(2)) : builder.keep({}, nullptr));
    const double flops = 2.0 * static_cast<double>(rows * panels_.inner * panels_.columns);
    if (!residual_fits(builder, output)) {
      const plan::BufferId result =
          TRY(builder.scratch(TRY(byte_count(DataType::Float32, output))));
      buffers.push_back(result);
      builder.step(std::move(buffers), action(rows, false, {}), flops);
      return add_residual_apart(builder, output, {}, result);
    }
    buffers.push_back(TRY(write_output(builder, output, {})));
    builder.step(std::move(buffers), action(rows, builder.has_residual(), builder.activation()),
                 flops);
    return {};
  }

 private:
  void pack(plan::Builder& builder) {
    if (!matrix_.numbers) return;
    Shelf& shelf = builder.machine().shelf();
    const std::size_t count = panel_count(panels_.columns);
    packed_ = shelf.take(count * panels_.panel_bytes());
    factors_ = shelf.take(count * panels_.panel_scales() * sizeof(float));
    pack_matrix(matrix_, panels_, packed_.bytes.data(),
                reinterpret_cast<float*>(factors_.bytes.data()));
    for (auto* part : {&matrix_.numbers, &matrix_.scales, &matrix_.zeros})
      graph::give_away(std::const_pointer_cast<graph::Constant>(std::move(*part)), shelf);
  }

  /// Memory order: input, weights, scales, bias or nothing, output.
  plan::Action action(std::size_t rows, bool add, const graph::Activation& activation) const {
    return [=, panels = panels_, biased = biased_](std::span<std::byte* const> memory,
                                                   Pool& pool) -> Result<void> {
      const Rows<const float> x{source<float>(memory, 0), panels.inner};
      const Rows<float> to{target<float>(memory, 4), panels.columns};
      const std::size_t grain = 1 + kBytesAThread / (1 + panels.panel_bytes() * rows);
      pool.parallel_for(panel_count(panels.columns), grain,
                        [&](std::size_t first, std::size_t last) {
                          multiply_bytes(panels, source<std::uint8_t>(memory, 1),
                                         source<float>(memory, 2), x, to, rows, add, first, last);
                          const std::size_t start = first * kPanelColumns,
                                            end = std::min(last * kPanelColumns, panels.columns);
                          for (std::size_t row = 0; row < rows; ++row) {
                            float* out = to.start + row * to.step;
                            const float* bias = source<float>(memory, 3);
                            for (std::size_t j = start; biased && j < end; ++j) out[j] += bias[j];
                            bend(activation, {out + start, end - start});
                          }
                        });
      return {};
    };
  }

  BytePanels panels_;
  StoredMatrix matrix_;  ///< Until it is packed.
  bool biased_, shared_ = false;
  Shelf::Room packed_, factors_;
};

}  // namespace

Result<BytePanels> read_panels(NodeReader& node, std::size_t numbers, std::size_t factors) {
  const std::vector<std::int64_t> form = TRY(node.ints("panels"));
  const std::shared_ptr<graph::Constant> bytes = node.constant(numbers),
                                         floats = node.constant(factors);
  if (form.size() != 4 || std::ranges::min(form) < 0 || !bytes || !floats ||
      bytes->dtype() != DataType::UInt8 || floats->dtype() != DataType::Float32)
    return malformed("stored parameters do not stand in panels");
  const BytePanels panels{static_cast<std::size_t>(form[0]), static_cast<std::size_t>(form[1]),
                          static_cast<std::size_t>(form[2]), form[3] != 0};
  const std::size_t count = panel_count(panels.columns);
  if (bytes->bytes().size() != count * panels.panel_bytes() ||
      floats->elements<float>().size() != count * panels.panel_scales())
    return malformed("stored parameters do not fit their panels");
  return panels;
}

Result<KernelPointer> make_stored_product(NodeReader& node) {
  if (node.has("panels"))
    return std::make_unique<StoredProduct>(TRY(read_panels(node, 1, 3)), node.has_input(2));
  const std::int64_t block = TRY(node.int_or("block_size", 0));
  const bool turned = TRY(node.int_or("turned", 0)) == 1;
  StoredMatrix matrix{node.constant(1), node.constant(3), node.constant(4), turned};
  if (!matrix.numbers || matrix.numbers->shape().size() != 2 || matrix.numbers->bytes().empty() ||
      !matrix.scales || matrix.scales->dtype() != DataType::Float32)
    return malformed("stored weights are no matrix with scales");
  matrix.inner = extent(matrix.numbers->shape(), turned ? 1 : 0, turned ? 2 : 1);
  matrix.columns = extent(matrix.numbers->shape(), turned ? 0 : 1, turned ? 1 : 2);
  if (block < 0) return malformed("block_size is ", block);
  matrix.block = static_cast<std::size_t>(block);
  const std::size_t count = matrix.scales->elements<float>().size();
  if (count != 1 && count != matrix.blocks() * matrix.columns)
    return malformed("there are ", count, " scales for ", matrix.blocks(), " blocks of ",
                     matrix.columns, " columns");
  const std::optional<BytePanels> panels = panels_of(matrix);
  if (!panels) return malformed("stored weights take more than 8 bits");
  return std::make_unique<StoredProduct>(*panels, std::move(matrix), node.has_input(2));
}

}  // namespace torchkeep::runtime::kernels
