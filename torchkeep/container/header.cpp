#include "torchkeep/container/header.h"

#include "torchkeep/container/internal/container_file.h"
#include "torchkeep/json/json.h"

namespace torchkeep::container {
namespace {

Result<json::Json> parse_signature(std::string_view canonical) {
  json::Json signature = TRY(json::parse_canonical(canonical));
  if (!signature.is_object()) return malformed("not a JSON object");
  return signature;
}

bool is_kind(std::string_view kind) { return kind == kPayloadOnnx || kind == kPayloadOperators; }

Result<Bytes> encode_unchecked(const Header& header) {
  json::Json value = {{"created", format_rfc3339(header.created)},
                      {"format", kFormat},
                      {"key_id", header.key_id.hex()},
                      {"model", header.model.hex()},
                      {"payload_bytes", header.payload_bytes},
                      {"payload_kind", ""},
                      {"version", header.version}};
  // A string of the caller's may be no UTF-8, which JSON cannot write: only a known kind goes in.
  if (is_kind(header.payload_kind)) value["payload_kind"] = header.payload_kind;
  if (!header.signature.empty()) {
    value["signature"] = TRY(parse_signature(header.signature).context("signature"));
  }
  return to_bytes(as_bytes(json::encode_canonical(value)));
}

Result<Header> parse_fields(ByteView bytes) {
  const json::Json value = TRY(json::parse_canonical(as_text(bytes)));
  json::ObjectReader reader = TRY(json::ObjectReader::open(value, "container header"));
  const std::uint64_t format = TRY(reader.take_unsigned("format"));
  if (format != kFormat) {
    return malformed("\"format\" is ", format, ", this program reads ", kFormat,
                     ": use one of the same release as the one that protected the model");
  }
  Header header;
  const std::string model = TRY(reader.take_string("model"));
  header.model = TRY(ModelId::parse(model).context("\"model\""));
  header.version = TRY(reader.take_unsigned("version"));
  if (header.version == 0) return malformed("\"version\" is 0, versions begin with 1");
  header.payload_kind = TRY(reader.take_string("payload_kind"));
  if (!is_kind(header.payload_kind)) {
    return malformed("\"payload_kind\" is neither \"", kPayloadOnnx, "\" nor \"", kPayloadOperators,
                     "\", the kinds of this format");
  }
  header.payload_bytes = TRY(reader.take_unsigned("payload_bytes"));
  if (header.payload_bytes == 0 || header.payload_bytes > kMaxPayloadBytes) {
    return malformed("\"payload_bytes\" is ", header.payload_bytes, ", allowed is 1 to ",
                     kMaxPayloadBytes);
  }
  const std::string key_id = TRY(reader.take_string("key_id"));
  header.key_id = TRY(KeyId::parse(key_id).context("\"key_id\""));
  const std::string created = TRY(reader.take_string("created"));
  header.created = TRY(parse_rfc3339(created).context("\"created\""));
  if (reader.has("signature")) {
    header.signature = json::encode_canonical(*TRY(reader.take_object("signature")));
  }
  TRY(reader.finish());
  return header;
}

}  // namespace

std::uint64_t segment_count(const Header& header) { return Segments(header.payload_bytes).count(); }

Result<void> check_header(const Header& header) {
  const auto refused = [](const Error& why) {
    return invalid_argument("container header: ", why.message);
  };
  // An unknown kind may be no text at all, and the time's fractions would be cut off unseen.
  if (header.created != std::chrono::floor<std::chrono::seconds>(header.created)) {
    return refused(malformed("\"created\" is not a whole second"));
  }
  const Result<Bytes> encoded = encode_unchecked(header);
  if (!encoded) return refused(encoded.error());
  const Result<Header> read = parse_header(*encoded);
  if (!read) return refused(read.error());
  return {};
}

Bytes encode(const Header& header) {
  TORCHKEEP_CHECK(check_header(header).ok());
  return encode_unchecked(header).value();
}

Result<Header> parse_header(ByteView json) {
  if (json.size() > kMaxHeaderBytes) {
    return malformed("container header has ", json.size(), " bytes, at most ", kMaxHeaderBytes,
                     " are allowed");
  }
  const Header header = TRY(parse_fields(json).context("container header"));
  // Catches what canonical JSON leaves open: upper-case hex, fractions of a second.
  const Bytes again = TRY(encode_unchecked(header));
  if (!equal(again, json)) {
    return malformed(
        "container header: ids are not in lower-case hex, or the time not in whole seconds");
  }
  return header;
}

}  // namespace torchkeep::container
