#pragma once

#include "torchkeep/quantise/calibrate.h"
#include "torchkeep/quantise/products.h"
#include "torchkeep/quantise/tables.h"

/// The ways to quantise: each changes a draft.
namespace torchkeep::quantise {

/// Called before each product.
using Step = std::function<void()>;

/// DequantizeLinear in front of weights, as small as the engine keeps them (runtime/optimise/
/// fuse_stored_weights.cpp): `bits` 8 with a scale a column, or 4 with one for `block` rows.
Result<void> quantise_weights(Draft& draft, const std::vector<Product>& products, int bits,
                              std::size_t block, const Step& step);

/// DequantizeLinear in front of lookups and of the heads that share their table: a scale a row, or
/// with `bits` 4 one for `block` numbers of a row.
Result<void> quantise_tables(Draft& draft, const std::vector<Table>& tables, int bits,
                             std::size_t block, const Step& step);

/// DynamicQuantizeLinear, MatMulInteger, Cast and Mul instead of MatMul and Gemm.
Result<void> quantise_dynamically(Draft& draft, const std::vector<Product>& products,
                                  const Step& step);

/// QuantizeLinear and DequantizeLinear around products and what stands between them, by the ranges
/// that samples show. `portable`: activations.h. Returns the products that were quantised; others
/// of them go to `left`.
Result<std::vector<Product>> quantise_statically(Draft& draft, const std::vector<Product>& products,
                                                 const Samples& samples,
                                                 const Calibration& calibration, bool portable,
                                                 const Step& step, std::vector<Left>& left);

/// The names of weights that stand in a draft as numbers, so that those that several products read
/// are quantised once.
struct StoredWeights {
  std::string numbers, scales, floats;  ///< `floats`: what a DequantizeLinear makes of both.
  std::vector<float> each_scale;
};

/// Adds a product's weights as INT8, one scale a channel, with their DequantizeLinear.
/// `with_zeros`: and with zero points, which runtimes that join it with what follows want to see.
Result<StoredWeights> add_channels(Draft& draft, const Product& product, bool with_zeros);

/// "operator Conv (node /c): its weights".
std::string weights_of(const Draft& draft, const Product& product);

/// How a product's weights lie, by channels.
Lying lying_of(const Product& product);

inline std::span<const float> as_floats(const SecretBuffer& bytes) {
  return {reinterpret_cast<const float*>(bytes.data()), bytes.size() / sizeof(float)};
}

}  // namespace torchkeep::quantise
