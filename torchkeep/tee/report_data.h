#pragma once

#include <string>

#include "torchkeep/base/bytes.h"

/// The 64 bytes that evidence binds. No API takes ones that a caller chose: each comes from one of
/// the two forms below, so evidence made for one use is void in the other.
namespace torchkeep::tee {

/// Who speaks in an attested session; part of what is hashed, so one role's evidence is void in
/// another.
enum class Role { Owner, KeyServer, KeyCache, Worker, Client };
std::string_view name_of(Role role);
Result<Role> parse_role(std::string_view name);

/// All that a session's evidence commits to; the same on both sides but for the attester's role.
struct SessionBinding {
  Role attester;
  Role peer;
  Bytes client_spki;  ///< DER, as TLS saw it; empty if the client showed no certificate.
  Bytes server_spki;
  ByteArray<32> client_nonce{};
  ByteArray<32> server_nonce{};
  ByteArray<32> exporter{};  ///< TLS exporter, label EXPORTER-Channel-Binding (RFC 9266).
  Bytes context;             ///< What the attester states of itself: genesis and configuration
                             ///< digest of a key server, owner's public key of a worker.
};

class ReportData {
 public:
  /// SHA-512 over "torchkeep/session/v1" and every field, each with its length (LE32) in front.
  static ReportData for_session(const SessionBinding& binding);
  /// SHA-256 of the RA-TLS claims, then 32 zero bytes (interoperable RA-TLS).
  static ReportData for_certificate(ByteView claims);

  const ByteArray<64>& bytes() const { return bytes_; }

 private:
  explicit ReportData(const ByteArray<64>& bytes) : bytes_(bytes) {}
  ByteArray<64> bytes_;
};

}  // namespace torchkeep::tee
