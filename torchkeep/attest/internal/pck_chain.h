#pragma once

#include <array>
#include <memory>

#include "torchkeep/attest/internal/chains.h"
#include "torchkeep/attest/pck_extension.h"
#include "torchkeep/attest/quote.h"
#include "torchkeep/attest/verified_collateral.h"
#include "torchkeep/base/mutex.h"

/// The certificates that vouch for one machine's quoting enclave.
namespace torchkeep::attest {

struct PckChain {
  crypto::Certificate leaf;
  CaChain issuer;
  PckExtension machine;
};

/// The chain's PEM: from the quote, or from `elsewhere` if the quote holds none.
/// Errors: Malformed if there is none.
Result<ByteView> find_pck_pem(const Quote& quote, ByteView elsewhere, Reason& why);
/// Trusts nothing; certificates with the bytes of one of `known` are not parsed again.
/// Errors: Malformed.
Result<PckChain> parse_pck_chain(ByteView pem, Reason& why,
                                 const std::vector<crypto::Certificate>& known = {});

/// A chain that holds under the collateral it was verified with; dates are checked with each use.
struct VerifiedPckChain {
  PckChain chain;
  ByteArray<64> pck_key{};  ///< x || y
  Window window;            ///< Of the chain and of all the collateral.
  TimePoint issued;
};

/// The chains that were verified last: a machine shows the same one with every quote.
/// *Thread-safe.*
class PckChainCache {
 public:
  std::shared_ptr<const VerifiedPckChain> find(ByteView pem) const;
  void store(ByteView pem, std::shared_ptr<const VerifiedPckChain> chain);

 private:
  struct Entry {
    Bytes pem;
    std::shared_ptr<const VerifiedPckChain> chain;
  };
  mutable Mutex mutex_;
  std::array<Entry, 8> entries_ GUARDED_BY(mutex_);
  std::size_t next_ GUARDED_BY(mutex_) = 0;
};

/// Names, signatures, CA rules, root and revocation, all but the dates.
/// Errors: Malformed; Untrusted.
Result<std::shared_ptr<const VerifiedPckChain>> verify_pck_chain(
    ByteView pem, const VerifiedCollateral::State& collateral, Reason& why);

}  // namespace torchkeep::attest
