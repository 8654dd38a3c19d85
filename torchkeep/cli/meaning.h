#pragma once

#include <string>
#include <string_view>

#include "torchkeep/attest/claims.h"

/// What the words of a verdict mean, for a person who has never heard of DCAP, and what to do.
namespace torchkeep::cli {

struct Meaning {
  std::string_view what;
  std::string_view way_out;  ///< Empty if nothing is to be done.
};

/// Of a reason as a verdict spells it: "bad_quote_signature". Every reason has one.
Meaning meaning_of_reason(std::string_view reason);
Meaning meaning_of(attest::TcbStatus status);

/// "INTEL-SA-00615: Processor MMIO Stale Data; https://..."
std::string describe_advisory(std::string_view advisory);
/// What an advisory on a verdict means in general.
std::string_view meaning_of_advisories();

}  // namespace torchkeep::cli
