#include "torchkeep/tee/simulated/protocol.h"

#include <cerrno>
#include <chrono>
#include <system_error>

#include <sys/socket.h>

#include "torchkeep/base/text.h"
#include "torchkeep/tee/platform.h"

namespace torchkeep::tee::simulated {
namespace {

constexpr std::uint8_t kHello = 1;
constexpr std::uint8_t kQuote = 2;
constexpr std::uint8_t kSealingKey = 3;

constexpr std::uint8_t kGranted = 0;
constexpr std::uint8_t kRefused = 1;
constexpr std::size_t kMaxReasonBytes = 1024;

// The whole message, however slowly its bytes drip in.
constexpr std::chrono::seconds kMessageTime{10};

using Deadline = std::chrono::steady_clock::time_point;

Result<void> receive_exactly(int socket, MutableByteView out, Deadline deadline) {
  while (!out.empty()) {
    const ssize_t got = ::recv(socket, out.data(), out.size(), 0);
    if (got < 0 && errno == EINTR) continue;
    if (got == 0) return unavailable("the other end closed the connection");
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
      return unavailable("nothing was received in time");
    if (got < 0) return unavailable("receiving: ", std::generic_category().message(errno));
    if (std::chrono::steady_clock::now() > deadline) return unavailable("receiving took too long");
    out = out.subspan(static_cast<std::size_t>(got));
  }
  return {};
}

Result<void> send_all(int socket, ByteView bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) return unavailable("sending: ", std::generic_category().message(errno));
    bytes = bytes.subspan(static_cast<std::size_t>(sent));
  }
  return {};
}

}  // namespace

Bytes encode_request(const Request& request) {
  if (const auto* const quote = std::get_if<QuoteRequest>(&request)) {
    Bytes out{kQuote};
    append(out, quote->report_data);
    return out;
  }
  if (const auto* const key = std::get_if<SealingKeyRequest>(&request)) {
    Bytes out{kSealingKey};
    append(out, as_bytes(key->purpose));
    return out;
  }
  return {kHello};
}

Result<Request> decode_request(ByteView bytes) {
  ByteReader reader(bytes);
  const std::uint8_t kind = TRY(reader.take_u8("kind of request"));
  if (kind == kHello) {
    if (!reader.empty()) return malformed("bytes behind a request");
    return Request{HelloRequest{}};
  }
  if (kind == kQuote) {
    const QuoteRequest quote{TRY(reader.take_array<64>("report data"))};
    if (!reader.empty()) return malformed("bytes behind a request");
    return Request{quote};
  }
  if (kind != kSealingKey) return malformed("unknown kind of request ", kind);
  const std::string_view purpose = as_text(reader.rest());
  if (const auto proper = check_purpose(purpose); !proper) return malformed(proper.error().message);
  return Request{SealingKeyRequest{std::string(purpose)}};
}

SecretBytes encode_answer(const Result<SecretBytes>& answer) {
  Bytes head{kGranted};
  if (!answer) {
    head = {kRefused};
    const std::string_view code = name_of(answer.error().code);
    head.push_back(static_cast<std::uint8_t>(code.size()));
    append(head, as_bytes(code));
    append(head, as_bytes(std::string_view(answer.error().message).substr(0, kMaxReasonBytes)));
  }
  const ByteView value = answer ? answer->expose() : ByteView();
  SecretBytes out(head.size() + value.size());
  std::copy(head.begin(), head.end(), out.expose().begin());
  std::copy(value.begin(), value.end(),
            out.expose().begin() + static_cast<std::ptrdiff_t>(head.size()));
  return out;
}

Result<SecretBytes> decode_answer(ByteView bytes) {
  ByteReader reader(bytes);
  const std::uint8_t kind = TRY(reader.take_u8("kind of answer"));
  if (kind == kGranted) return SecretBytes::copy_of(reader.rest());
  if (kind != kRefused) return malformed("unknown kind of answer ", kind);
  const std::uint8_t size = TRY(reader.take_u8("size of the code"));
  const auto code = find_error_code(as_text(TRY(reader.take(size, "code"))));
  if (!code) return malformed("unknown code of a refusal");
  if (reader.rest().size() > kMaxReasonBytes) return malformed("reason of a refusal is too long");
  return Error{*code, to_string(reader.rest())};
}

Result<void> send_message(int socket, ByteView message) {
  Bytes size;
  append_le32(size, static_cast<std::uint32_t>(message.size()));
  TRY(send_all(socket, size));
  return send_all(socket, message);
}

Result<SecretBytes> receive_message(int socket, std::size_t max_bytes) {
  const Deadline deadline = std::chrono::steady_clock::now() + kMessageTime;
  ByteArray<4> size_bytes{};
  TRY(receive_exactly(socket, size_bytes, deadline));
  const std::uint32_t size = load_le32(size_bytes);
  if (size == 0 || size > max_bytes) {
    return malformed("message of ", size, " bytes, 1 to ", max_bytes, " are allowed");
  }
  SecretBytes message(size);
  TRY(receive_exactly(socket, message.expose(), deadline));
  return message;
}

}  // namespace torchkeep::tee::simulated
