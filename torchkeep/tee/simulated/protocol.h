#pragma once

#include <string>
#include <variant>

#include "torchkeep/base/bytes.h"
#include "torchkeep/base/secret.h"

/// What a program and torchkeep-simtee say to each other over a Unix socket: one request and one
/// answer a connection, each behind its size as LE32. docs/formats/simtee.md has the grammar.
namespace torchkeep::tee::simulated {

inline constexpr std::size_t kMaxRequestBytes = 128;
inline constexpr std::size_t kMaxAnswerBytes = 64 * 1024;

struct HelloRequest {};  ///< Would you vouch for me? Answered with nothing, or a refusal.
struct QuoteRequest {
  ByteArray<64> report_data{};
};
struct SealingKeyRequest {
  std::string purpose;
};
using Request = std::variant<HelloRequest, QuoteRequest, SealingKeyRequest>;

/// Without the size in front, as are all below.
Bytes encode_request(const Request& request);
/// Errors: Malformed.
Result<Request> decode_request(ByteView bytes);

SecretBytes encode_answer(const Result<SecretBytes>& answer);
/// The simulator's own refusal, or the value. Errors: Malformed, besides those of the simulator.
Result<SecretBytes> decode_answer(ByteView bytes);

/// Sends or receives one message behind its size on a socket that has its timeouts set.
/// Errors: Unavailable; Malformed for a size above `max_bytes`.
Result<void> send_message(int socket, ByteView message);
Result<SecretBytes> receive_message(int socket, std::size_t max_bytes);

}  // namespace torchkeep::tee::simulated
