#pragma once

#include <memory>

#include "torchkeep/attest/claims.h"
#include "torchkeep/attest/collateral.h"
#include "torchkeep/crypto/random.h"
#include "torchkeep/crypto/x509.h"

/// A simulated SGX machine together with the services that Intel runs for real ones: a root CA, the
/// PCK chain, TCB info, QE identity and CRLs, a quoting enclave, and sealing keys from a fuse
/// secret. Everything it issues is byte for byte what real ones issue, under a root of its own. For
/// torchkeep-simtee and tests; no enclave program links it.
namespace torchkeep::simulator {

/// What can be wrong with a machine or its collateral.
enum class Condition {
  Good,
  TcbOutOfDate,       ///< The machine's TCB matches a level OutOfDate with an advisory.
  PckRevoked,         ///< The PCK CRL lists the machine's certificate.
  CollateralExpired,  ///< Every document's nextUpdate has passed.
};

/// *Thread-safe* but for `set_condition`. Its keys are wiped when it goes.
class Machine {
 public:
  /// A new machine, whose certificates begin a day before `now`.
  static Machine create(crypto::Random& random, TimePoint now);
  /// Its whole state, secrets included; `decode` brings the same machine back. Errors: Malformed.
  SecretBytes encode() const;
  static Result<Machine> decode(ByteView state);
  Machine(Machine&&) noexcept;
  Machine& operator=(Machine&&) noexcept;
  ~Machine();

  const crypto::Certificate& root_certificate() const;
  attest::RootKey root_key() const;
  attest::CollateralKey collateral_key() const;

  void set_condition(Condition condition);
  Condition condition() const;

  /// As a PCCS would serve it at `now`: issued a moment before, good for thirty days.
  attest::Collateral collateral(TimePoint now) const;

  /// An SGX v3 quote for this enclave, with the PCK chain in it.
  Bytes make_quote(const attest::SgxEnclave& enclave, const ByteArray<64>& report_data) const;

  /// 32 bytes that depend on the fuse secret, MRENCLAVE, the debug flag and `purpose`.
  SecretBytes sealing_key(const attest::SgxEnclave& enclave, std::string_view purpose) const;

 private:
  struct State;
  explicit Machine(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace torchkeep::simulator
