#pragma once

#include "torchkeep/attest/internal/window.h"
#include "torchkeep/attest/snp.h"
#include "torchkeep/crypto/x509.h"

/// The certificates that vouch for one AMD machine.
/// Source: AMD, VCEK Certificate and KDS Interface Specification (57230), chapter 3.
namespace torchkeep::attest {

/// The last word of the names of a chain's CAs: which processors it is for.
enum class SnpProduct { Milan, Genoa, Turin };
std::string_view name_of(SnpProduct product);

struct SnpChain {
  crypto::Certificate leaf;
  crypto::Certificate ask;
  crypto::Certificate ark;
  Window window;
  TimePoint issued;
  // Known once it is verified.
  SnpProduct product = SnpProduct::Milan;
  SnpSigner signer = SnpSigner::Vcek;
  ByteArray<96> leaf_key{};  ///< x || y
};

/// Trusts nothing; the window is that of the certificates. Errors: Malformed.
Result<SnpChain> parse_snp_chain(const SnpEndorsements& endorsements);
/// Names, signatures, CA rules, root and, with a list, revocation; all but the dates. Fills in the
/// rest of `chain` and narrows its window by the list's. Errors: Malformed; Untrusted.
Result<void> verify_snp_chain(SnpChain& chain, ByteView crl,
                              std::span<const Digest256> ark_key_hashes, Reason& why);

/// The leaf is for this very report: its TCB, and for a VCEK its chip.
/// Errors: Malformed; Untrusted, with the part, what was found and what was wanted.
Result<void> check_leaf_tcb(const SnpChain& chain, const SnpReport& report, Reason& why);
Result<void> check_leaf_chip(const SnpChain& chain, const SnpReport& report, Reason& why);

}  // namespace torchkeep::attest
