#pragma once

#include <memory>

#include "torchkeep/base/ids.h"
#include "torchkeep/base/secret.h"
#include "torchkeep/tee/report_data.h"

/// The machine we run on, as the attester sees it: evidence, and sealing to our own identity.
namespace torchkeep::tee {

/// Purposes of sealing keys are names: 1 to 64 bytes on every platform.
inline constexpr std::size_t kMaxPurposeBytes = 64;
/// Errors: InvalidArgument.
Result<void> check_purpose(std::string_view purpose);

enum class PlatformKind { Sgx, Simulated };

/// *Thread-safe.*
class Platform {
 public:
  virtual ~Platform() = default;
  virtual PlatformKind kind() const = 0;

  /// A quote over this report data. Errors: Unavailable if the platform does not answer.
  virtual Result<Bytes> make_evidence(const ReportData& report_data) = 0;

  /// 32 bytes that only an enclave with our MRENCLAVE on this machine gets, for one `purpose`.
  /// Errors: InvalidArgument for a purpose that is none; Unavailable.
  virtual Result<SecretBytes> sealing_key(std::string_view purpose) = 0;
};

/// Encrypts `secret` under the sealing key of `purpose`; `aad` binds what it belongs to.
Result<Bytes> seal(Platform& platform, std::string_view purpose, ByteView aad, ByteView secret);
/// Errors: Untrusted if another enclave sealed it, or if purpose, AAD or a byte is another.
Result<SecretBytes> unseal(Platform& platform, std::string_view purpose, ByteView aad,
                           ByteView sealed);

/// The platform of this build: `/dev/attestation` of the SGX LibOS, or in a simulation build the
/// simulator at `simulator_socket`. Errors: Unavailable if it is missing, which is fatal.
Result<std::unique_ptr<Platform>> open_platform(const std::string& simulator_socket);

/// True in programs built with TORCHKEEP_SIMULATION.
bool built_for_simulation();

}  // namespace torchkeep::tee
