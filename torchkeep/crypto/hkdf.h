#pragma once

#include "torchkeep/base/secret.h"

/// HKDF (RFC 5869).
namespace torchkeep::crypto {

/// Extract and expand with SHA-256; `size` at most 8160 bytes.
SecretBytes hkdf_sha256(ByteView input_key, ByteView salt, ByteView info, std::size_t size);
SecretBytes hkdf_extract_sha256(ByteView salt, ByteView input_key);
SecretBytes hkdf_expand_sha256(ByteView pseudorandom_key, ByteView info, std::size_t size);
/// As FLOE derives its keys; `size` at most 12240 bytes.
SecretBytes hkdf_expand_sha384(ByteView pseudorandom_key, ByteView info, std::size_t size);

}  // namespace torchkeep::crypto
