#pragma once

#include <optional>
#include <string>

#include "torchkeep/attest/collateral.h"
#include "torchkeep/attest/pck_extension.h"
#include "torchkeep/attest/quote.h"
#include "torchkeep/attest/snp_report.h"
#include "torchkeep/base/file.h"

/// Evidence as a file, and what it says of itself. Nothing here is proven: a verdict is
/// cli/verdict.h's business.
namespace torchkeep::cli {

/// No platform makes evidence near this size; hex text of it fits too.
inline constexpr std::size_t kMaxEvidenceBytes = std::size_t{256} * 1024;

/// The bytes of the file a QUOTE argument names; "-" is standard input. Hex and base64 text become
/// the bytes they stand for. Errors: Malformed if it is too large to be evidence, with its size;
/// InvalidArgument if there is no such file or it cannot be read, with what to type instead.
Result<Bytes> load_evidence(const std::string& quote);

/// Hex or base64 text, with or without line breaks, as bytes; anything else as it is.
Bytes decode_evidence(Bytes file);

/// As much as could be read. `malformed` says what could not.
struct SelfDescription {
  std::optional<attest::TeeType> tee;
  std::uint32_t version = 0;
  std::optional<attest::SgxReport> enclave;
  std::optional<attest::TdReport> trust_domain;
  std::optional<attest::SnpReport> guest;
  std::optional<attest::Quote> quote;           ///< Intel's, if all of it can be read.
  std::optional<attest::PckExtension> machine;  ///< From the PCK certificate, if the quote has it.
  std::string pck_ca;                           ///< "Intel SGX PCK Platform CA"
  std::string malformed;                        ///< Empty if nothing is.

  /// Empty if the report could not be read.
  ByteView report_data() const;
  bool debug() const;
};
/// `pck_chain` is PEM, for quotes that do not hold their chain; may be empty.
SelfDescription describe(ByteView evidence, ByteView pck_chain);

}  // namespace torchkeep::cli
