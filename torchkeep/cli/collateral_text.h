#pragma once

#include <optional>
#include <string>
#include <vector>

#include "torchkeep/channel/collateral_cache.h"
#include "torchkeep/cli/console.h"

/// What a collateral says of itself, and whether it holds; for `torchkeep collateral`.
namespace torchkeep::cli {

struct DocumentLine {
  std::string name;  ///< "TCB info"
  std::size_t bytes = 0;
  std::optional<TimePoint> issued;
  std::optional<TimePoint> next_update;
  std::string fault;  ///< Why it cannot be read; empty if it can.
};

struct CollateralReport {
  std::optional<attest::CollateralKey> key;
  std::optional<TimePoint> fetched;  ///< Of what is in a cache.
  std::vector<DocumentLine> documents;
  std::optional<std::uint64_t> tcb_evaluation_data_number;  ///< The smaller one.
  std::optional<TimePoint> valid_from, valid_until;         ///< If it verifies.
  std::string
      fault;  ///< Why it does not verify under the roots, or is not current; empty: it does.
};

/// Errors cannot occur: what does not hold is told in the report.
CollateralReport report_on(const attest::Collateral& collateral,
                           const std::optional<attest::CollateralKey>& key,
                           std::span<const attest::RootKey> roots, TimePoint now);

void show(const Console& console, const CollateralReport& report);
/// {"tee","fmspc","ca","fetched","verdict":"verified"|"rejected","reason","valid_from","valid_until",
///  "tcb_evaluation_data_number","documents":[{"name","bytes","issued","next_update","fault"}]};
/// what is not known is null.
json::Json encode(const CollateralReport& report);

}  // namespace torchkeep::cli
