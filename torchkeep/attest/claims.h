#pragma once

#include <optional>
#include <string>
#include <vector>

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

/// Made only by `verify_quote`. What to make of them is the policy's business.
class Claims {
 public:
  const SgxEnclave& enclave() const { return enclave_; }
  const ByteArray<64>& report_data() const { return report_data_; }
  TcbStatus tcb_status() const { return tcb_status_; }
  const std::vector<std::string>& advisories() const { return advisories_; }
  std::uint64_t tcb_evaluation_data_number() const { return tcb_evaluation_data_number_; }
  /// Hex SHA-256 of the root key (x || y): which root vouches for this machine.
  const Digest256& root_key_hash() const { return root_key_hash_; }
  /// 16 bytes of the PCK certificate, if the platform has them; else the PPID.
  const Bytes& platform_instance() const { return platform_instance_; }
  /// The earliest date at which a document behind these claims expires.
  TimePoint collateral_expires() const { return collateral_expires_; }
  TimePoint collateral_issued() const { return collateral_issued_; }

 private:
  friend class ClaimsMaker;  // attest/verify.cpp
  Claims() = default;
  SgxEnclave enclave_;
  ByteArray<64> report_data_{};
  TcbStatus tcb_status_ = TcbStatus::Revoked;
  std::vector<std::string> advisories_;
  std::uint64_t tcb_evaluation_data_number_ = 0;
  Digest256 root_key_hash_{};
  Bytes platform_instance_;
  TimePoint collateral_expires_;
  TimePoint collateral_issued_;
};

}  // namespace torchkeep::attest
