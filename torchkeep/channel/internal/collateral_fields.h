#pragma once

#include <span>

#include "torchkeep/attest/collateral.h"

namespace torchkeep::channel {

/// One document of a collateral, and its names in folders and in files of ours.
struct CollateralField {
  std::string_view name;  ///< "tcb_info"
  std::string_view file;  ///< "tcb_info.json"
  Bytes attest::Collateral::*bytes;
};

/// All of them, always in the same order.
std::span<const CollateralField> collateral_fields();

/// Byte for byte. Those that share their memory are the same at once.
bool same(const attest::Collateral& left, const attest::Collateral& right);

}  // namespace torchkeep::channel
