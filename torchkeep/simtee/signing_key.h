#pragma once

#include "torchkeep/base/file.h"
#include "torchkeep/crypto/ecdsa.h"
#include "torchkeep/crypto/random.h"

/// The key that signs the descriptions of a build's enclaves: a PEM file of PKCS #8, mode 0600.
namespace torchkeep::simtee {

/// Reads the key, or makes it if the file does not exist; of several programs that do so at once,
/// all get the key of the first. Errors: Malformed, Unavailable.
Result<crypto::EcdsaPrivateKey> load_or_create_signing_key(const Path& path,
                                                           crypto::Random& random);

}  // namespace torchkeep::simtee
