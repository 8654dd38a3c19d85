#pragma once

#include "torchkeep/runtime/tensor.h"

/// Values that hold tensors: sequences (any number of items) and optionals (none or one). They
/// travel as tensors of type Sequence or Optional whose one dimension counts bytes, so that plans,
/// loops and branches hand them on like any other tensor:
///
///   value = count (uint64), items
///   item  = type (uint32), rank (uint32), rank dimensions (int64), elements, zeros up to a
///   multiple
///           of 8 bytes
///
/// An item may itself be a sequence. An item's elements lie on a multiple of 8.
namespace torchkeep::runtime {

inline constexpr std::uint64_t kMaxItems = std::uint64_t{1} << 20;  ///< Of one value.

struct Item {
  DataType dtype = DataType::Float32;
  Shape shape;
  ByteView bytes;  ///< Of somebody else.

  static Item of(const Tensor& tensor) { return {tensor.dtype, tensor.shape, tensor.data}; }
};

/// Errors: Malformed for bytes that do not follow the grammar; items within items are looked at
/// too.
Result<std::vector<Item>> parse_items(DataType kind, ByteView bytes);
/// `kind` is Sequence or Optional.
Tensor encode_items(DataType kind, std::span<const Item> items);

}  // namespace torchkeep::runtime
