#pragma once

#include <optional>

#include "torchkeep/base/bytes.h"

/// The outer form of certificates and CRLs, exactly as received: what is signed, how, and with
/// what. signed := SEQUENCE { to_be_signed SEQUENCE, algorithm SEQUENCE, signature BIT STRING }
/// Source: RFC 5280, 4.1 and 5.1.
namespace torchkeep::crypto {

struct SignedDer {
  ByteView signed_bytes;  ///< Tag and length included.
  ByteView algorithm;     ///< Tag and length included; the one inside is the same.
  ByteView signature;     ///< Whole bytes: no bit of the last one is unused.
};
/// Null unless `der` is of that form, in definite lengths of minimal size, and both algorithms
/// agree.
std::optional<SignedDer> find_signed_der(ByteView der);

/// ecdsa-with-SHA256 without parameters (RFC 5758, 3.2).
bool is_ecdsa_with_sha256(ByteView algorithm);
/// RSASSA-PSS with SHA-384, MGF1 with SHA-384 and a salt of 48 bytes (RFC 4055), as AMD signs.
bool is_rsa_pss_with_sha384(ByteView algorithm);

}  // namespace torchkeep::crypto
