#pragma once

#include <memory>
#include <span>

#include "torchkeep/attest/collateral.h"
#include "torchkeep/attest/reason.h"
#include "torchkeep/base/clock.h"

/// Collateral whose chains, signatures and revocations hold: work that is the same for every quote
/// of a platform family, done once.
namespace torchkeep::attest {

/// What to do without a root CA CRL. Archives of old evidence often lack one; whoever decides on a
/// key must not.
enum class RootCaCrl { Wanted, MayBeMissing };

/// *Thread-safe*; copies share it. It remembers the PCK chains it verified. Its dates are not
/// checked here: each verdict checks them anew.
class VerifiedCollateral {
 public:
  /// Errors: Malformed; Untrusted, naming the document and why. `why` says the same as one word.
  static Result<VerifiedCollateral> verify(const Collateral& collateral,
                                           std::span<const RootKey> roots, Reason& why,
                                           RootCaCrl root_ca_crl = RootCaCrl::Wanted);
  static Result<VerifiedCollateral> verify(const Collateral& collateral,
                                           std::span<const RootKey> roots);

  /// From when until when all its documents are current.
  TimePoint begins() const;
  TimePoint expires() const;
  /// When the oldest of TCB info, QE identity and PCK CRL was issued.
  TimePoint issued() const;

  struct State;
  const State& state() const { return *state_; }  // for attest/ only

 private:
  explicit VerifiedCollateral(std::shared_ptr<const State> state) : state_(std::move(state)) {}
  std::shared_ptr<const State> state_;
};

}  // namespace torchkeep::attest
