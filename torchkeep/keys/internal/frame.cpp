#include "torchkeep/keys/internal/frame.h"

namespace torchkeep::keys::internal {

SecretBuffer encode_frame(const json::Json& value, const std::optional<crypto::DataKey>& data_key) {
  const std::string text = json::encode_canonical(value);
  TORCHKEEP_CHECK(text.size() <= kMaxFrameJsonBytes);
  Bytes length;
  append_le32(length, static_cast<std::uint32_t>(text.size()));
  SecretBuffer out;
  out.reserve(length.size() + text.size() + crypto::kKeyBytes);
  out.insert(out.end(), length.begin(), length.end());
  out.insert(out.end(), text.begin(), text.end());
  if (data_key) {
    const ByteView key = data_key->expose();
    out.insert(out.end(), key.begin(), key.end());
  }
  return out;
}

Result<Frame> parse_frame(ByteView body, std::string_view what) {
  ByteReader reader(body);
  const std::uint32_t length = TRY(reader.take_le32("JSON length").context(what));
  const ByteView text = TRY(reader.take(length, "JSON").context(what));
  const ByteView key = reader.rest();
  if (!key.empty() && key.size() != crypto::kKeyBytes) {
    return malformed(what, ": ", key.size(), " bytes follow the JSON, allowed are none or ",
                     crypto::kKeyBytes);
  }
  Frame frame;
  frame.value = TRY(parse_body(text, kMaxFrameJsonBytes, what));
  if (key.empty()) return frame;
  auto data_key = crypto::DataKey::from_bytes(SecretBytes::copy_of(key));
  if (!data_key) return malformed(what, ": ", data_key.error().message);
  frame.data_key = std::move(data_key).value();
  return frame;
}

Result<json::Json> parse_body(ByteView body, std::size_t max_bytes, std::string_view what) {
  if (body.size() > max_bytes) {
    return malformed(what, ": ", body.size(), " bytes of JSON, at most ", max_bytes,
                     " are allowed");
  }
  return json::parse_canonical(as_text(body)).context(what);
}

}  // namespace torchkeep::keys::internal
