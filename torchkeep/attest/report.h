#pragma once

#include "torchkeep/base/bytes.h"

/// What the CPU (SGX) or its TDX module says of the code it measured: the body of a quote.
/// Parsing trusts nothing.
namespace torchkeep::attest {

inline constexpr std::size_t kSgxReportBytes = 384;

/// An SGX enclave's report.
/// Source: Intel SDM vol. 3D, REPORT; the layout stands above `encode` in report.cpp.
struct SgxReport {
  ByteArray<16> cpu_svn{};
  std::uint32_t misc_select = 0;
  ByteArray<16> isv_ext_prod_id{};
  ByteArray<16> attributes{};  ///< 8 bytes of flags (bit 1 DEBUG), 8 bytes XFRM.
  Digest256 mr_enclave{};
  Digest256 mr_signer{};
  ByteArray<64> config_id{};
  std::uint16_t isv_prod_id = 0;
  std::uint16_t isv_svn = 0;
  std::uint16_t config_svn = 0;
  ByteArray<16> isv_family_id{};
  ByteArray<64> report_data{};

  bool debug() const { return (attributes[0] & 0x02) != 0; }
  bool operator==(const SgxReport&) const = default;
};

/// Reserved bytes are zero.
ByteArray<kSgxReportBytes> encode(const SgxReport& report);
/// Takes exactly `kSgxReportBytes`; reserved bytes may be anything, for later processors.
/// Errors: Malformed.
Result<SgxReport> parse_sgx_report(ByteView bytes);

}  // namespace torchkeep::attest
