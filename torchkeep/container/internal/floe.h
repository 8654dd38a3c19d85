#pragma once

#include <optional>

#include "torchkeep/crypto/aead.h"

/// FLOE (C2SP "Fast Lightweight Online Encryption"): a message in segments under keys derived from
/// one key, IV and associated data; its header commits to all of them. AES-256-GCM, HKDF-Expand
/// with SHA-384, IV of 32 bytes. For this room's sources and tests: a segment decrypted at a wrong
/// place would void the commitment, so only writer and reader choose positions.
///
///   message  = params iv header-tag *segment final-segment
///   params   = aead-id (00) kdf-id (00) segment-length (BE32) iv-length (BE32, 32)
///   segment  = FFFFFFFF nonce (12) ciphertext tag (16)             ; segment-length bytes
///   final    = own-length (BE32) nonce (12) ciphertext tag (16)    ; 32..segment-length bytes
///
/// Source: c2sp.org/FLOE; known answers in tests/container/vectors/floe.
namespace torchkeep::container {

inline constexpr std::size_t kFloeIvBytes = 32;
inline constexpr std::size_t kFloeTagBytes = 32;
inline constexpr std::size_t kFloeParameterBytes = 10;
inline constexpr std::size_t kFloeHeaderBytes = kFloeParameterBytes + kFloeIvBytes + kFloeTagBytes;
/// What a segment has besides its plaintext: length, nonce, tag.
inline constexpr std::size_t kFloeOverheadBytes = 4 + crypto::kNonceBytes + crypto::kTagBytes;
inline constexpr std::uint64_t kMaxFloeSegments = std::uint64_t{1} << 40;

using FloeIv = ByteArray<kFloeIvBytes>;

struct FloeParameters {
  std::uint32_t segment_bytes = std::uint32_t{1} << 20;  ///< As stored; more than the overhead.
  std::uint32_t rotation_bits = 20;  ///< A segment key serves 2^rotation_bits segments.

  std::size_t plaintext_bytes() const { return segment_bytes - kFloeOverheadBytes; }
};

/// The keys of one message. *Immutable*, *thread-safe*.
class FloeMessage {
 public:
  /// Begins a message. `key` has 32 bytes, and `iv` is used once. Associated data at most
  /// kMaxFloeAssociatedBytes.
  static FloeMessage begin(const FloeParameters& parameters, ByteView key, ByteView associated,
                           const FloeIv& iv);
  /// Opens a message by its header. Errors: Malformed for another size or other parameters;
  /// Untrusted if key, IV or associated data are not those that the header commits to.
  static Result<FloeMessage> open(const FloeParameters& parameters, ByteView key,
                                  ByteView associated, ByteView header);

  const FloeParameters& parameters() const { return parameters_; }
  const ByteArray<kFloeHeaderBytes>& header() const { return header_; }
  /// Of the segments that share `position`'s key.
  SecretBytes segment_key(std::uint64_t position) const;

 private:
  FloeMessage(const FloeParameters& parameters, ByteView key, ByteView associated,
              const FloeIv& iv);
  SecretBytes derive(ByteView key, ByteView purpose, std::size_t size) const;

  FloeParameters parameters_;
  Bytes bound_before_;  // params || iv
  Bytes bound_after_;   // associated data
  ByteArray<kFloeHeaderBytes> header_{};
  SecretBytes message_key_;
};

/// OpenSSL's HKDF takes an `info` of 32 KiB: parameters, IV, purpose and this.
inline constexpr std::size_t kMaxFloeAssociatedBytes =
    32 * 1024 - kFloeParameterBytes - kFloeIvBytes - 12;

/// Encrypts and decrypts segments; keeps the last segment key set up. `message` must outlive it.
/// *Not thread-safe*: one a thread.
class FloeSegments {
 public:
  explicit FloeSegments(const FloeMessage& message) : message_(&message) {}

  /// `out` has plaintext.size() + kFloeOverheadBytes bytes. All but the final segment are full.
  /// A nonce must never serve two plaintexts of a message.
  void encrypt(std::uint64_t position, bool is_final, const crypto::Nonce& nonce,
               ByteView plaintext, MutableByteView out);
  /// `position` and `is_final` are the reader's own knowledge, never the segment's.
  /// `out` has segment.size() - kFloeOverheadBytes bytes.
  /// Errors: Malformed for a wrong size or length field; Untrusted. `out` is wiped then.
  Result<void> decrypt(std::uint64_t position, bool is_final, ByteView segment,
                       MutableByteView out);

 private:
  crypto::Aes256Gcm& cipher_for(std::uint64_t position);

  const FloeMessage* message_;
  std::optional<crypto::Aes256Gcm> cipher_;
  std::uint64_t period_ = 0;  // position >> rotation_bits, of cipher_
};

}  // namespace torchkeep::container
