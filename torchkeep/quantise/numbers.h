#pragma once

#include <optional>
#include <span>
#include <vector>

#include "torchkeep/base/secret.h"
#include "torchkeep/base/text.h"

/// From floats to small integers around 0: a float is about number * scale.
/// Source: ONNX operators QuantizeLinear-13 and DequantizeLinear-21, read backwards.
namespace torchkeep::quantise {

/// How weights lie: row-major [outer, channels, inner]; each channel has a scale.
struct Lying {
  std::size_t outer = 1, channels = 1, inner = 1;
  std::size_t count() const { return outer * channels * inner; }
};

struct Numbers {
  SecretBuffer bytes;         ///< INT8, or pairs of INT4, the first in the low half.
  std::vector<float> scales;  ///< One for each channel, or each block of one.
};

/// INT8, -127 to 127. Errors: Malformed if a float is NaN or infinite.
Result<Numbers> quantise_channels(std::span<const float> floats, const Lying& lying);

/// INT4 of a matrix in row-major [rows, columns], with a scale for each `block` numbers in a row
/// (`along_rows` false: in a column). Scales lie as the matrix does, with that side divided by
/// `block`, rounded up. Errors: Malformed if a float is NaN or infinite.
Result<Numbers> quantise_blocks(std::span<const float> floats, std::size_t rows,
                                std::size_t columns, std::size_t block, bool along_rows);

/// [rows, columns] of INT8 as [columns, rows].
SecretBuffer turn(ByteView numbers, std::size_t rows, std::size_t columns);

/// What activations between `low` and `high` are stored with: UINT8, and a place for 0.
struct Range {
  float low = 0, high = 0;
  /// Whether there is nothing in it to tell apart, as far as floats go.
  bool empty() const { return !(scale() > 1e-12F); }
  float scale() const { return (high - low) / 255; }
  std::uint8_t zero() const;
};

/// INT32 in units of input_scale * scale of the channel, as a product's sums are.
/// None if one does not fit.
std::optional<std::vector<std::int32_t>> quantise_bias(std::span<const float> bias,
                                                       float input_scale,
                                                       std::span<const float> scales);

}  // namespace torchkeep::quantise
