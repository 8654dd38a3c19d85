#pragma once

#include <variant>

#include "torchkeep/base/bytes.h"
#include "torchkeep/crypto/ed25519.h"
#include "torchkeep/tee/report_data.h"

/// The messages of session attestation. Each has one spelling: canonical JSON, lower-case hex,
/// base64 with padding; every other is Malformed. Grammar: docs/formats/session.md.
namespace torchkeep::channel {

inline constexpr std::string_view kHelloPath = "/torchkeep/v1/session/hello";
inline constexpr std::string_view kProvePath = "/torchkeep/v1/session/prove";

using SessionNonce = ByteArray<32>;

/// What a client opens with.
struct SessionHello {
  tee::Role role;
  SessionNonce nonce;
};
std::string encode(const SessionHello& hello);
Result<SessionHello> parse_session_hello(std::string_view text);

/// What a server answers: its side of the nonces, and its evidence over both.
struct SessionOffer {
  tee::Role role = tee::Role::Client;
  SessionNonce nonce;
  Bytes context;
  Bytes evidence;
};
std::string encode(const SessionOffer& offer);
Result<SessionOffer> parse_session_offer(std::string_view text);

struct EvidenceProof {
  Bytes context;
  Bytes evidence;
};
struct OwnerProof {
  crypto::Ed25519PublicKey owner;
  crypto::Ed25519Signature signature;
};
struct NoProof {};
/// How a client proves itself; plain clients have nothing to prove.
using SessionProof = std::variant<NoProof, OwnerProof, EvidenceProof>;
std::string encode(const SessionProof& proof);
Result<SessionProof> parse_session_proof(std::string_view text);

/// How long the server takes the proof for good.
struct SessionGrant {
  std::uint64_t seconds;
};
std::string encode(const SessionGrant& grant);
Result<SessionGrant> parse_session_grant(std::string_view text);

/// What a peer learns of a failure: the code and where to look it up.
struct SessionRefusal {
  ErrorCode code;
  std::string request;
};
std::string encode(const SessionRefusal& refusal);
Result<SessionRefusal> parse_session_refusal(std::string_view text);

/// What an owner signs: its own label, then the digest that an enclave in its place would be quoted
/// over. `binding.attester` is the owner, `binding.context` its public key.
Bytes owner_message(const tee::SessionBinding& binding);

}  // namespace torchkeep::channel
