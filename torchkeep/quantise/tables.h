#pragma once

#include "torchkeep/quantise/products.h"

/// Tables that lookups take rows of: a language model's embeddings.
namespace torchkeep::quantise {

/// Parameters of floats [rows, width] that Gather takes rows of.
struct Table {
  const TensorProto* weights = nullptr;
  std::vector<Reading> readers;    ///< Lookups, a Transpose in front of heads, Gemm that turn it.
  std::vector<std::size_t> heads;  ///< MatMul and Gemm that multiply with it, turned over.
  /// Of the heads, MatMul whose weights are the same numbers once more, as exporters that compute
  /// the Transpose write them.
  std::vector<std::size_t> copies;
  std::size_t lookups = 0;
};

/// The tables of the outermost graph; others go to `left`, and heads of tables leave it. A head
/// that is among `products` leaves those. Errors: Malformed if a table's elements do not follow its
/// shape.
Result<std::vector<Table>> find_tables(const Source& source, const Wanted& wanted,
                                       std::vector<Product>& products, std::vector<Left>& left);

}  // namespace torchkeep::quantise
