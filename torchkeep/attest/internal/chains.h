#pragma once

#include <span>

#include "torchkeep/attest/collateral.h"
#include "torchkeep/attest/internal/window.h"
#include "torchkeep/attest/reason.h"
#include "torchkeep/crypto/x509.h"

/// The certificate chains of Intel's attestation services. Each is short and of a fixed shape:
///   PCK certificate <- PCK Platform CA or PCK Processor CA <- Root CA
///   TCB Signing <- Root CA
/// Source: Intel SGX PCK Certificate and CRL Profile Specification.
namespace torchkeep::attest {

inline constexpr std::string_view kPlatformCa = "Intel SGX PCK Platform CA";
inline constexpr std::string_view kProcessorCa = "Intel SGX PCK Processor CA";

/// A CA below a root; both are checked as CAs, by name, key and signature.
struct CaChain {
  crypto::Certificate ca;
  crypto::Certificate root;
};

/// Reads exactly `size` certificates; those with the bytes of one of `known` are not parsed again.
/// Errors: Malformed.
Result<std::vector<crypto::Certificate>> parse_chain(
    ByteView pem, std::size_t size, const std::vector<crypto::Certificate>& known = {});

/// Errors: Untrusted unless `root` is a CA of that name, signed by itself, with an accepted key.
Result<void> verify_root(const crypto::Certificate& root, std::span<const RootKey> roots);
/// The CA of PCK certificates, and its root; the latter's own signature is not verified again if
/// its bytes are those of `verified_root`. Errors: Untrusted.
Result<void> verify_pck_ca(const CaChain& chain, std::span<const RootKey> roots,
                           const crypto::Certificate* verified_root = nullptr);
/// The end of a chain: issued by `issuer`, of this name, no CA. Errors: Untrusted.
Result<void> verify_leaf(const crypto::Certificate& leaf, std::string_view name,
                         const crypto::Certificate& issuer);

/// A list of revoked certificates, issued by `issuer`. `name` is for people.
/// Errors: Malformed; Untrusted. `why` tells which check failed.
Result<crypto::RevocationList> verify_crl(ByteView bytes, const crypto::Certificate& issuer,
                                          std::string_view name, Reason& why);
Result<void> check_not_listed(const crypto::RevocationList& list,
                              const crypto::Certificate& certificate, std::string_view name);

}  // namespace torchkeep::attest
