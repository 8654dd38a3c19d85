#pragma once

#include <memory>
#include <vector>

#include "torchkeep/base/bytes.h"
#include "torchkeep/crypto/ecdsa.h"
#include "torchkeep/crypto/x509.h"

/// TLS 1.3 only, no resumption, no 0-RTT. Certificates prove possession of a key and nothing else;
/// who holds it is told by attestation (channel/session.h).
namespace torchkeep::channel {

/// What one TLS connection is made of, for binding evidence to it.
struct TlsFacts {
  Bytes own_spki;   ///< DER; empty if we showed no certificate.
  Bytes peer_spki;  ///< DER; empty if the peer showed none.
  std::optional<crypto::Certificate> peer_certificate;
  ByteArray<32> exporter{};  ///< RFC 9266.
};

/// A server's key and certificate. *Immutable, thread-safe.*
class TlsServerContext {
 public:
  /// Asks clients for a certificate, accepts any or none.
  static Result<std::shared_ptr<TlsServerContext>> create(const crypto::EcdsaPrivateKey& key,
                                                          const crypto::Certificate& certificate);
  struct State;
  explicit TlsServerContext(std::unique_ptr<State> state);
  ~TlsServerContext();
  State& state() { return *state_; }

 private:
  std::unique_ptr<State> state_;
};

/// A client's own fresh key and self-signed certificate, shown on every connection. Accepts any
/// server certificate: the caller attests the session before anything else moves.
class TlsClientContext {
 public:
  static Result<std::shared_ptr<TlsClientContext>> create();
  /// For an ordinary web server whose answers are signed by somebody else (a PCCS): the one context
  /// that judges certificates. They must be for `host` (a name or a literal address), and hang on a
  /// certificate in `trusted_pem` (a CA, or the server's own), or, if that is empty, on a CA of
  /// this system. Shows no certificate; takes TLS 1.2 too. Errors: Malformed; Unavailable (no
  /// system CAs).
  static Result<std::shared_ptr<TlsClientContext>> create_for_web(const std::string& host,
                                                                  ByteView trusted_pem);
  struct State;
  explicit TlsClientContext(std::unique_ptr<State> state);
  ~TlsClientContext();
  State& state() { return *state_; }

 private:
  std::unique_ptr<State> state_;
};

}  // namespace torchkeep::channel
