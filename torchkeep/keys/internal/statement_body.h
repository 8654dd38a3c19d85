#pragma once

#include "torchkeep/keys/statement.h"

/// The signed part of a statement. Grammar: docs/formats/statement.md.
namespace torchkeep::keys::internal {

inline constexpr std::size_t kMaxBodyBytes = 256 * 1024;

/// Canonical JSON. Fields that the kind does not have are left out.
Bytes encode_body(const Statement& statement);

/// Says nothing of who signed it. Errors: Malformed, naming the field; also for any spelling but
/// the canonical one.
Result<Statement> parse_body(ByteView body);

/// "torchkeep/statement/v1" || 0 || body: what is signed, so that the signature is void elsewhere.
Bytes signed_bytes(ByteView body);

}  // namespace torchkeep::keys::internal
