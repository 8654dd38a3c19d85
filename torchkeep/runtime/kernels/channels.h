#pragma once

#include <cstddef>
#include <cstdint>

#include "torchkeep/runtime/dnn/dnn.h"

/// Loops over tensors whose channels lie side by side, place after place, for what oneDNN does on
/// one thread alone there. Number c belongs to channel c.
namespace torchkeep::runtime::kernels {

/// to[p][c] = all[p][c] (op) each[c] for Add, Sub and Mul; `to` may be `all`.
void combine_channels(dnn::BinaryKind kind, const float* all, const float* each, float* to,
                      std::size_t places, std::size_t channels);

/// to[c] = the mean of from[p][c] over all places, for channels `first` to `last`.
void average_places(const float* from, float* to, std::size_t places, std::size_t channels,
                    std::size_t first, std::size_t last);

/// The same of quantised numbers, which stand for (number - zero) * scale. Their sums are exact.
void average_numbers(const std::uint8_t* from, float scale, std::int32_t zero, float* to,
                     std::size_t places, std::size_t channels, std::size_t first, std::size_t last);
void average_numbers(const std::int8_t* from, float scale, std::int32_t zero, float* to,
                     std::size_t places, std::size_t channels, std::size_t first, std::size_t last);

}  // namespace torchkeep::runtime::kernels
