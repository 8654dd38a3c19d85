#pragma once

#include <optional>

#include "torchkeep/base/bytes.h"

/// The SGX extension of a PCK certificate: which machine it is for and how new its TCB is.
/// Source: Intel SGX PCK Certificate and CRL Profile Specification, 1.5.
namespace torchkeep::attest {

inline constexpr const char* kPckExtensionOid = "1.2.840.113741.1.13.1";

struct PckExtension {
  ByteArray<16> ppid{};
  ByteArray<16> components{};  ///< SVN of each TCB component; these, not `cpu_svn`, decide.
  std::uint16_t pce_svn = 0;
  ByteArray<16> cpu_svn{};
  ByteArray<2> pce_id{};
  ByteArray<6> fmspc{};
  std::uint16_t sgx_type = 0;  ///< 0 standard, 1 scalable, 2 scalable with integrity.
  /// What a Processor CA leaves out and a Platform CA states.
  std::optional<ByteArray<16>> platform_instance_id = {};
  struct Configuration {
    bool dynamic_platform = false;
    bool cached_keys = false;
    bool smt_enabled = false;
    bool operator==(const Configuration&) const = default;
  };
  std::optional<Configuration> configuration = {};

  bool operator==(const PckExtension&) const = default;
};

/// The extension's value, DER, in the order of the specification.
Bytes encode(const PckExtension& extension);
/// Items that the specification does not know are passed over; a repeated or missing one is not.
/// Errors: Malformed, naming the item.
Result<PckExtension> parse_pck_extension(ByteView der);

}  // namespace torchkeep::attest
