#include "torchkeep/container/internal/floe.h"

#include <algorithm>
#include <array>

#include "torchkeep/base/encoding.h"
#include "torchkeep/base/text.h"
#include "torchkeep/crypto/hkdf.h"

namespace torchkeep::container {
namespace {

constexpr std::string_view kHeaderTagPurpose = "HEADER_TAG:";
constexpr std::string_view kMessageKeyPurpose = "MESSAGE_KEY:";
constexpr std::string_view kSegmentKeyPurpose = "DEK:";
constexpr std::size_t kMessageKeyBytes = 48;
constexpr std::size_t kLengthBytes = 4;
constexpr std::uint32_t kNotFinal = 0xFFFFFFFF;

Bytes encode_parameters(const FloeParameters& parameters) {
  Bytes out = {0, 0};  // AES-256-GCM, HKDF-Expand-SHA-384
  append_be32(out, parameters.segment_bytes);
  append_be32(out, kFloeIvBytes);
  return out;
}

std::uint32_t length_field(bool is_final, std::size_t segment_bytes) {
  return is_final ? static_cast<std::uint32_t>(segment_bytes) : kNotFinal;
}

// Position and final flag are authenticated, so that no segment can move or end the message.
Bytes segment_associated(std::uint64_t position, bool is_final) {
  Bytes out;
  append_be64(out, position);
  out.push_back(is_final ? 1 : 0);
  return out;
}

}  // namespace

FloeMessage::FloeMessage(const FloeParameters& parameters, ByteView key, ByteView associated,
                         const FloeIv& iv)
    : parameters_(parameters),
      bound_before_(encode_parameters(parameters)),
      bound_after_(to_bytes(associated)) {
  TORCHKEEP_CHECK(parameters.segment_bytes > kFloeOverheadBytes);
  TORCHKEEP_CHECK(parameters.rotation_bits < 64);
  TORCHKEEP_CHECK(key.size() == crypto::kKeyBytes);
  TORCHKEEP_CHECK(associated.size() <= kMaxFloeAssociatedBytes);
  append(bound_before_, iv);
  std::ranges::copy(bound_before_, header_.begin());
  const SecretBytes tag = derive(key, as_bytes(kHeaderTagPurpose), kFloeTagBytes);
  std::ranges::copy(tag.expose(), header_.end() - kFloeTagBytes);
  message_key_ = derive(key, as_bytes(kMessageKeyPurpose), kMessageKeyBytes);
}

FloeMessage FloeMessage::begin(const FloeParameters& parameters, ByteView key, ByteView associated,
                               const FloeIv& iv) {
  return FloeMessage(parameters, key, associated, iv);
}

Result<FloeMessage> FloeMessage::open(const FloeParameters& parameters, ByteView key,
                                      ByteView associated, ByteView header) {
  if (header.size() != kFloeHeaderBytes) {
    return malformed("FLOE header has ", header.size(), " bytes, not ", kFloeHeaderBytes);
  }
  const Bytes expected = encode_parameters(parameters);
  if (!equal(header.first(kFloeParameterBytes), expected)) {
    return malformed("FLOE parameters are ", encode_hex(header.first(kFloeParameterBytes)),
                     ", not ", encode_hex(expected));
  }
  const FloeIv iv = *to_array<kFloeIvBytes>(header.subspan(kFloeParameterBytes, kFloeIvBytes));
  FloeMessage message(parameters, key, associated, iv);
  if (!equal_in_constant_time(message.header_, header)) {
    return untrusted("the FLOE header tag does not match");
  }
  return message;
}

SecretBytes FloeMessage::derive(ByteView key, ByteView purpose, std::size_t size) const {
  Bytes info = bound_before_;
  append(info, purpose);
  append(info, bound_after_);
  return crypto::hkdf_expand_sha384(key, info, size);
}

SecretBytes FloeMessage::segment_key(std::uint64_t position) const {
  Bytes purpose = to_bytes(as_bytes(kSegmentKeyPurpose));
  append_be64(purpose, position >> parameters_.rotation_bits << parameters_.rotation_bits);
  return derive(message_key_.expose(), purpose, crypto::kKeyBytes);
}

crypto::Aes256Gcm& FloeSegments::cipher_for(std::uint64_t position) {
  TORCHKEEP_CHECK(position < kMaxFloeSegments);
  const std::uint64_t period = position >> message_->parameters().rotation_bits;
  if (!cipher_ || period != period_) {
    const SecretBytes key = message_->segment_key(position);
    cipher_.emplace(key.expose());
    period_ = period;
  }
  return *cipher_;
}

void FloeSegments::encrypt(std::uint64_t position, bool is_final, const crypto::Nonce& nonce,
                           ByteView plaintext, MutableByteView out) {
  const std::size_t full = message_->parameters().plaintext_bytes();
  TORCHKEEP_CHECK(is_final ? plaintext.size() <= full : plaintext.size() == full);
  TORCHKEEP_CHECK(out.size() == plaintext.size() + kFloeOverheadBytes);
  Bytes start;
  append_be32(start, length_field(is_final, out.size()));
  append(start, nonce);
  std::ranges::copy(start, out.begin());
  cipher_for(position).encrypt(nonce, segment_associated(position, is_final), plaintext,
                               out.subspan(start.size()));
}

Result<void> FloeSegments::decrypt(std::uint64_t position, bool is_final, ByteView segment,
                                   MutableByteView out) {
  const std::size_t full = message_->parameters().segment_bytes;
  const auto refuse = [out](Error error) {
    wipe(out);
    return error;
  };
  if (is_final ? segment.size() < kFloeOverheadBytes || segment.size() > full
               : segment.size() != full) {
    return refuse(malformed("it has ", segment.size(), " bytes"));
  }
  TORCHKEEP_CHECK(out.size() == segment.size() - kFloeOverheadBytes);
  const std::uint32_t length = load_be32(segment.first(kLengthBytes));
  const std::uint32_t wanted = length_field(is_final, segment.size());
  // GCM does not see this field: it must be checked by hand, or it could be altered unnoticed.
  if (length != wanted) {
    return refuse(malformed("its length field is ", length, ", not ", wanted));
  }
  const crypto::Nonce nonce =
      *to_array<crypto::kNonceBytes>(segment.subspan(kLengthBytes, crypto::kNonceBytes));
  return cipher_for(position).decrypt(nonce, segment_associated(position, is_final),
                                      segment.subspan(kLengthBytes + crypto::kNonceBytes), out);
}

}  // namespace torchkeep::container
