#include "torchkeep/keys/internal/frame.h"
#include "torchkeep/keys/messages.h"

namespace torchkeep::keys {
namespace {

constexpr std::size_t kMaxRefusalBytes = 16 * 1024;
constexpr std::size_t kMaxMessageBytes = 2048;
constexpr std::size_t kMaxRequestIdBytes = 64;

struct PeersRefusal {
  ErrorCode code;
  std::string message;
  std::string request_id;
};

/// Length of the character at `place` of valid UTF-8.
std::size_t character_bytes(std::string_view text, std::size_t place) {
  const auto lead = static_cast<std::uint8_t>(text[place]);
  return lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
}

/// Characters that move a terminal's cursor or turn its text around.
bool is_control(std::string_view character) {
  const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(character[i]); };
  if (character.size() == 1) return byte(0) < 0x20 || byte(0) == 0x7f;
  if (character.size() == 2) return byte(0) == 0xc2 && byte(1) < 0xa0;  // U+0080 to U+009F
  if (character.size() != 3 || byte(0) != 0xe2) return false;
  // Line and paragraph separators, and the marks and overrides of direction.
  return (byte(1) == 0x80 &&
          ((byte(2) >= 0x8e && byte(2) <= 0x8f) || (byte(2) >= 0xa8 && byte(2) <= 0xae))) ||
         (byte(1) == 0x81 && byte(2) >= 0xa6 && byte(2) <= 0xa9);
}

/// A peer's text (valid UTF-8, as JSON is) as it may stand in a log line or on a terminal.
std::string calm(std::string_view text, std::size_t max_bytes) {
  std::string out;
  for (std::size_t i = 0; i < text.size();) {
    const std::string_view character = text.substr(i, character_bytes(text, i));
    if (out.size() + character.size() > max_bytes) return out + "...";
    if (is_control(character)) {
      out += '?';
    } else {
      out += character;
    }
    i += character.size();
  }
  return out;
}

Result<PeersRefusal> parse_body(ByteView body) {
  const json::Json value = TRY(internal::parse_body(body, kMaxRefusalBytes, "refusal"));
  json::ObjectReader reader = TRY(json::ObjectReader::open(value, "refusal"));
  const auto code = find_error_code(TRY(reader.take_string("error")));
  if (!code) return malformed("refusal: no such error");
  PeersRefusal refusal{.code = *code, .message = {}, .request_id = {}};
  refusal.message = TRY(reader.find_string("message")).value_or("");
  refusal.request_id = TRY(reader.take_string("request_id"));
  TRY(reader.finish());
  return refusal;
}

// The error of the Open Inference Protocol, which a worker speaks: {"error":TEXT}. Its status is
// all the code it has.
Result<std::string> parse_protocol_error(ByteView body) {
  const json::Json value = TRY(internal::parse_body(body, kMaxRefusalBytes, "error"));
  json::ObjectReader reader = TRY(json::ObjectReader::open(value, "error"));
  std::string message = TRY(reader.take_string("error"));
  TRY(reader.finish());
  if (message.empty()) return malformed("an error without words");
  return message;
}

ErrorCode code_of(unsigned status) {
  switch (status) {
    case 400: return ErrorCode::Malformed;
    case 403: return ErrorCode::Denied;
    case 404: return ErrorCode::NotFound;
    case 408:
    case 429:
    case 502:
    case 503:
    case 504: return ErrorCode::Unavailable;
    case 500: return ErrorCode::Internal;
    default: return ErrorCode::Malformed;
  }
}

}  // namespace

Bytes encode_refusal(ErrorCode code, std::string_view message, std::string_view request_id) {
  json::Json out = {{"error", name_of(code)}, {"request_id", request_id}};
  if (!message.empty()) {
    // Replaced where it is no UTF-8: a message may quote foreign bytes, and JSON cannot.
    const json::Json quoted = message;
    const auto replace = json::Json::error_handler_t::replace;
    out["message"] = json::Json::parse(quoted.dump(-1, ' ', false, replace));
  }
  return to_bytes(as_bytes(json::encode_canonical(out)));
}

Error parse_refusal(unsigned status, ByteView body) {
  const auto refusal = parse_body(body);
  if (!refusal) {
    const auto protocol_error = parse_protocol_error(body);
    if (protocol_error) return {code_of(status), calm(*protocol_error, kMaxMessageBytes)};
    return {code_of(status), text("the peer answered HTTP status ", status, " and ", body.size(),
                                  " bytes that explain nothing")};
  }
  const std::string message = calm(refusal->message, kMaxMessageBytes);
  const std::string request_id = calm(refusal->request_id, kMaxRequestIdBytes);
  if (message.empty()) {
    return {refusal->code, text("the peer refused with ", name_of(refusal->code),
                                "; its operator's log says why at request ", request_id)};
  }
  return {refusal->code, text(message, " (request ", request_id, ")")};
}

unsigned http_status(ErrorCode code) {
  switch (code) {
    case ErrorCode::InvalidArgument:
    case ErrorCode::Malformed: return 400;
    case ErrorCode::Untrusted:
    case ErrorCode::Denied: return 403;
    case ErrorCode::NotFound: return 404;
    case ErrorCode::Unavailable: return 503;
    case ErrorCode::Internal: return 500;
  }
  return 500;
}

}  // namespace torchkeep::keys
