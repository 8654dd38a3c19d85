#pragma once

#include <optional>

#include "torchkeep/base/bytes.h"

/// An SEV-SNP attestation report: what AMD's secure processor says of a guest it launched and of
/// itself. Parsing trusts nothing.
/// Source: AMD SEV-SNP Firmware ABI Specification (56860), "ATTESTATION_REPORT"; versions 2, 3, 5.
namespace torchkeep::attest {

inline constexpr std::size_t kSnpReportBytes = 1184;
inline constexpr std::size_t kSnpSignedBytes = 0x2a0;

/// Versions of the firmware's parts. Which byte is whose depends on the processor: see `SnpTcb`.
using SnpTcbBytes = ByteArray<8>;

/// Whose key signs reports.
enum class SnpSigner : std::uint8_t {
  Vcek = 0,  ///< The chip's own key, derived from its secret and its TCB.
  Vlek = 1,  ///< A key that AMD issued to a cloud and the cloud loaded into the chip.
  None = 7,  ///< The report is not signed.
};
/// "VCEK"
std::string_view name_of(SnpSigner signer);

struct SnpReport {
  std::uint32_t version = 2;
  std::uint32_t guest_svn = 0;
  std::uint64_t policy = 0;  ///< Bit 19 lets the host debug the guest.
  ByteArray<16> family_id{};
  ByteArray<16> image_id{};
  std::uint32_t vmpl = 0;
  SnpTcbBytes current_tcb{};
  std::uint64_t platform_info = 0;
  bool author_key_enabled = false;
  bool chip_key_masked = false;
  SnpSigner signer = SnpSigner::Vcek;
  ByteArray<64> report_data{};
  Digest384 measurement{};  ///< Of the guest's memory as it was launched.
  ByteArray<32> host_data{};
  Digest384 id_key_digest{};
  Digest384 author_key_digest{};
  ByteArray<32> report_id{};
  ByteArray<32> report_id_ma{};
  SnpTcbBytes reported_tcb{};  ///< What the signing key was derived from, or issued for.
  /// From version 3 on: which processor it is, as CPUID tells.
  struct Processor {
    std::uint8_t family = 0;
    std::uint8_t model = 0;
    std::uint8_t stepping = 0;
    bool operator==(const Processor&) const = default;
  };
  std::optional<Processor> processor = {};
  ByteArray<64> chip_id{};  ///< Zero if the host masks it.
  SnpTcbBytes committed_tcb{};
  SnpTcbBytes launch_tcb{};
  /// From version 5 on: which mitigations were in force.
  struct Mitigations {
    std::uint64_t at_launch = 0;
    std::uint64_t now = 0;
    bool operator==(const Mitigations&) const = default;
  };
  std::optional<Mitigations> mitigations = {};
  ByteArray<96> signature{};  ///< r || s, big-endian, over the first `kSnpSignedBytes`.

  bool debug() const { return (policy >> 19 & 1) != 0; }
  bool operator==(const SnpReport&) const = default;
};

/// Takes exactly `kSnpReportBytes`. The reserved bytes behind the signed part must be zero, those
/// in it may be anything. Errors: Malformed, also for another version or signature algorithm.
Result<SnpReport> parse_snp_report(ByteView bytes);

}  // namespace torchkeep::attest
