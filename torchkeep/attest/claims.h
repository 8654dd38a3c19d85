#pragma once

#include <optional>
#include <string>
#include <vector>

#include "torchkeep/attest/report.h"
#include "torchkeep/base/bytes.h"
#include "torchkeep/base/clock.h"

/// What verified evidence says of an enclave and of the machine under it.
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

/// A part of the machine that is older than the newest TCB level wants it.
struct TcbShortfall {
  std::string part;  ///< "TCB component 1 (BIOS, Early Microcode Update)", "PCESVN".
  std::uint16_t found = 0;
  std::uint16_t wanted = 0;
};

/// Made only by `verify_quote`. What to make of them is the policy's business.
class Claims {
 public:
  /// All zero for a trust domain, which `verify_quote` never lets through.
  const SgxEnclave& enclave() const { return enclave_; }
  /// Only of TDX.
  const std::optional<TdReport>& trust_domain() const { return trust_domain_; }
  const ByteArray<64>& report_data() const { return report_data_; }
  /// Of the whole: platform, TDX module and quoting enclave together. Never Revoked.
  TcbStatus tcb_status() const { return tcb_status_; }
  TcbStatus platform_tcb_status() const { return platform_tcb_status_; }
  TcbStatus qe_tcb_status() const { return qe_tcb_status_; }
  /// Only of TDX 1.5 and later.
  std::optional<TcbStatus> tdx_module_tcb_status() const { return tdx_module_tcb_status_; }
  /// The oldest date of the levels that were matched: newer mitigations are not assured.
  TimePoint tcb_date() const { return tcb_date_; }
  /// What the machine is open to, sorted: of its platform, TDX module and quoting enclave.
  const std::vector<std::string>& advisories() const { return advisories_; }
  /// Those of the platform alone.
  const std::vector<std::string>& platform_advisories() const { return platform_advisories_; }
  /// What is short of the newest TCB level; empty if nothing is.
  const std::vector<TcbShortfall>& shortfalls() const { return shortfalls_; }
  /// Of TCB info and QE identity, the smaller one: how new Intel's judgement is.
  std::uint64_t tcb_evaluation_data_number() const { return tcb_evaluation_data_number_; }
  /// Hex SHA-256 of the root key (x || y): which root vouches for this machine.
  const Digest256& root_key_hash() const { return root_key_hash_; }
  /// 16 bytes of the PCK certificate, if the platform has them; else the PPID.
  const Bytes& platform_instance() const { return platform_instance_; }
  /// The earliest date at which a document behind these claims expires.
  TimePoint collateral_expires() const { return collateral_expires_; }
  /// The latest date from which on all documents hold.
  TimePoint collateral_begins() const { return collateral_begins_; }
  /// When the oldest of TCB info, QE identity and PCK CRL was issued.
  TimePoint collateral_issued() const { return collateral_issued_; }

 private:
  friend class ClaimsMaker;  // attest/verify.cpp
  Claims() = default;
  SgxEnclave enclave_;
  std::optional<TdReport> trust_domain_;
  ByteArray<64> report_data_{};
  TcbStatus tcb_status_ = TcbStatus::Revoked;
  TcbStatus platform_tcb_status_ = TcbStatus::Revoked;
  TcbStatus qe_tcb_status_ = TcbStatus::Revoked;
  std::optional<TcbStatus> tdx_module_tcb_status_;
  TimePoint tcb_date_;
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
