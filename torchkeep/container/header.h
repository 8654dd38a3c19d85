#pragma once

#include <string>

#include "torchkeep/base/clock.h"
#include "torchkeep/base/ids.h"

/// The part of a container that its host may read; every byte of it is associated data of the
/// encryption. Grammar: docs/formats/model-container.md, "Header".
namespace torchkeep::container {

inline constexpr std::string_view kMagic = "TKM1";
/// All of it goes into the `info` of each key derivation, of which OpenSSL's HKDF takes 32 KiB.
inline constexpr std::size_t kMaxHeaderBytes = 31 * 1024;
inline constexpr std::uint64_t kFormat = 1;
/// A model that is run whole, or one whose operators are called one by one: the same payload, but
/// only a policy that says `operator_mode` lets a worker serve the second.
inline constexpr std::string_view kPayloadOnnx = "onnx";
inline constexpr std::string_view kPayloadOperators = "operators";
/// What 2^40 segments hold: FLOE's own limit.
inline constexpr std::uint64_t kMaxPayloadBytes = (std::uint64_t{1} << 40) * ((1 << 20) - 32);

struct Header {
  ModelId model;
  std::uint64_t version = 0;  ///< Of the model, from 1.
  std::string payload_kind;   ///< kPayloadOnnx or kPayloadOperators.
  std::uint64_t payload_bytes =
      0;  ///< From 1. Authentic once a segment has been decrypted under it.
  KeyId key_id;
  TimePoint created;  ///< Whole seconds.
  /// Inputs and outputs as canonical JSON, if the owner chose to publish them; else empty.
  std::string signature;
};

/// How many segments the payload fills.
std::uint64_t segment_count(const Header& header);
/// Errors: InvalidArgument, naming what `parse_header` would refuse.
Result<void> check_header(const Header& header);
/// Canonical JSON. A header that `parse_header` would refuse is a broken invariant of ours.
Bytes encode(const Header& header);
/// Errors: Malformed, naming the field; also for any spelling but the canonical one.
Result<Header> parse_header(ByteView json);

}  // namespace torchkeep::container
