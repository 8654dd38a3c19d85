#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "torchkeep/attest/collateral.h"
#include "torchkeep/attest/report.h"
#include "torchkeep/attest/snp_report.h"
#include "torchkeep/base/bytes.h"
#include "torchkeep/base/clock.h"

/// What verified evidence says of an enclave or a guest, and of the machine under it.
namespace torchkeep::attest {

enum class TcbStatus {
  UpToDate,
  SWHardeningNeeded,
  ConfigurationNeeded,
  ConfigurationAndSWHardeningNeeded,
  OutOfDate,
  OutOfDateConfigurationNeeded,
  Revoked,
  // Of a trust domain only: the machine is new, the domain was started before it became so.
  TDRelaunchAdvised,
  TDRelaunchAdvisedConfigurationNeeded,
};
std::string_view name_of(TcbStatus status);
std::optional<TcbStatus> find_tcb_status(std::string_view name);

/// An SGX enclave, as its report names it (Intel SDM vol. 3D, REPORT).
struct SgxEnclave {
  Digest256 mr_enclave{};
  Digest256 mr_signer{};
  std::uint16_t isv_prod_id = 0;
  std::uint16_t isv_svn = 0;
  ByteArray<16> attributes{};
  std::uint32_t misc_select = 0;
  bool debug() const { return (attributes[0] & 0x02) != 0; }
};

/// What evidence is of: an SGX enclave, a TDX trust domain or an SEV-SNP guest. Whoever looks into
/// one must say which kind is meant, so that none can be taken for another.
using Attested = std::variant<SgxEnclave, TdReport, SnpReport>;
TeeType tee_of(const Attested& attested);
/// MRENCLAVE, MRTD or the launch measurement. Alone it names an enclave, but not all that a trust
/// domain or a guest has loaded since.
ByteView measurement_of(const Attested& attested);
/// Whether the host may read its memory.
bool is_debug(const Attested& attested);
/// "SGX enclave 5f3a...", "TDX trust domain 91eb...", "SEV-SNP guest b07a...", for people.
std::string to_text(const Attested& attested);

/// What Intel says of one part of a machine.
struct TcbVerdict {
  TimePoint date;  ///< The part holds all mitigations published up to then.
  TcbStatus status = TcbStatus::Revoked;
  std::vector<std::string> advisories;

  bool operator==(const TcbVerdict&) const = default;
};

/// A part of the machine that is older than the newest TCB level wants it.
struct TcbShortfall {
  std::string part;  ///< "TCB component 1 (BIOS, Early Microcode Update)", "PCESVN".
  std::uint16_t found = 0;
  std::uint16_t wanted = 0;
};

/// Made only by `verify_quote`, `judge_quote` and `judge_snp_report`. What to make of them is the
/// policy's business.
class Claims {
 public:
  const Attested& attested() const { return attested_; }
  TeeType tee() const { return tee_of(attested_); }
  ByteView measurement() const { return measurement_of(attested_); }
  bool debug() const { return is_debug(attested_); }
  /// Null if the evidence is of another kind.
  const SgxEnclave* find_enclave() const { return std::get_if<SgxEnclave>(&attested_); }
  const TdReport* find_trust_domain() const { return std::get_if<TdReport>(&attested_); }
  const SnpReport* find_guest() const { return std::get_if<SnpReport>(&attested_); }
  const ByteArray<64>& report_data() const { return report_data_; }

  /// Of the whole: platform, TDX module and quoting enclave together. Never Revoked. None for an
  /// SEV-SNP guest: AMD publishes no statuses.
  std::optional<TcbStatus> tcb_status() const { return tcb_status_; }
  /// The parts' own; none for an SEV-SNP guest.
  const std::optional<TcbVerdict>& platform_tcb() const { return platform_tcb_; }
  const std::optional<TcbVerdict>& quoting_enclave_tcb() const { return quoting_enclave_tcb_; }
  /// Only of TDX 1.5 and later.
  const std::optional<TcbVerdict>& tdx_module_tcb() const { return tdx_module_tcb_; }
  /// The oldest date of the levels that were matched: newer mitigations are not assured.
  std::optional<TimePoint> tcb_date() const { return tcb_date_; }
  /// What the machine is open to, sorted: of its platform, TDX module and quoting enclave.
  const std::vector<std::string>& advisories() const { return advisories_; }
  /// Those of the platform alone, sorted.
  const std::vector<std::string>& platform_advisories() const { return platform_advisories_; }
  /// What is short of the newest TCB level; empty if nothing is.
  const std::vector<TcbShortfall>& shortfalls() const { return shortfalls_; }
  /// Of TCB info and QE identity, the smaller one: how new Intel's judgement is. 0 for SEV-SNP.
  std::uint64_t tcb_evaluation_data_number() const { return tcb_evaluation_data_number_; }

  /// Which root vouches for this machine. Intel's: SHA-256 of the root key (x || y). AMD's: SHA-256
  /// of the ARK's SubjectPublicKeyInfo.
  const Digest256& root_key_hash() const { return root_key_hash_; }
  /// 16 bytes of the PCK certificate, if the platform has them; else the PPID. The chip id of an
  /// SEV-SNP machine, 64 bytes, zero if its host masks it.
  const Bytes& platform_instance() const { return platform_instance_; }
  /// The earliest date at which a document behind these claims expires.
  TimePoint collateral_expires() const { return collateral_expires_; }
  /// The latest date from which on all documents hold.
  TimePoint collateral_begins() const { return collateral_begins_; }
  /// When the oldest of TCB info, QE identity and PCK CRL was issued; of SEV-SNP, the leaf.
  TimePoint collateral_issued() const { return collateral_issued_; }

 private:
  friend class ClaimsMaker;     // attest/verify.cpp
  friend class SnpClaimsMaker;  // attest/snp.cpp
  Claims() = default;
  Attested attested_;
  ByteArray<64> report_data_{};
  std::optional<TcbStatus> tcb_status_;
  std::optional<TcbVerdict> platform_tcb_;
  std::optional<TcbVerdict> quoting_enclave_tcb_;
  std::optional<TcbVerdict> tdx_module_tcb_;
  std::optional<TimePoint> tcb_date_;
  std::vector<std::string> advisories_;
  std::vector<std::string> platform_advisories_;
  std::vector<TcbShortfall> shortfalls_;
  std::uint64_t tcb_evaluation_data_number_ = 0;
  Digest256 root_key_hash_{};
  Bytes platform_instance_;
  TimePoint collateral_expires_;
  TimePoint collateral_begins_;
  TimePoint collateral_issued_;
};

}  // namespace torchkeep::attest
