#pragma once

#include <array>
#include <optional>

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

inline constexpr std::size_t kTdReportBytes = 584;    // TDX 1.0
inline constexpr std::size_t kTdReport15Bytes = 648;  // TDX 1.5 says a little more

/// A TDX trust domain's report.
/// Source: Intel TDX DCAP Quoting Library API, TD quote body 1.0 and 1.5.
struct TdReport {
  ByteArray<16> tee_tcb_svn{};  ///< [0] module's ISVSVN, [1] its version, [2...] loader and others.
  Digest384 mr_seam{};
  Digest384 mr_signer_seam{};
  ByteArray<8> seam_attributes{};
  ByteArray<8> td_attributes{};  ///< Bit 0 DEBUG.
  ByteArray<8> xfam{};
  Digest384 mr_td{};
  Digest384 mr_config_id{};
  Digest384 mr_owner{};
  Digest384 mr_owner_config{};
  std::array<Digest384, 4> rtmrs{};
  ByteArray<64> report_data{};
  /// What TDX 1.5 adds.
  struct Later {
    ByteArray<16> tee_tcb_svn2{};  ///< As `tee_tcb_svn`, of the module that runs now.
    Digest384 mr_service_td{};
    bool operator==(const Later&) const = default;
  };
  std::optional<Later> later = {};

  bool debug() const { return (td_attributes[0] & 0x01) != 0; }
  bool operator==(const TdReport&) const = default;
};

/// 584 bytes, or 648 with `later`.
Bytes encode(const TdReport& report);
/// Takes exactly 584 or 648 bytes. Errors: Malformed.
Result<TdReport> parse_td_report(ByteView bytes);

}  // namespace torchkeep::attest
