#pragma once

#include <fstream>

#include "torchkeep/base/text.h"
#include "torchkeep/container/reader.h"
#include "torchkeep/container/writer.h"

#include "tests/support/files.h"

/// Containers to be read, altered and refused.
namespace torchkeep::container::testing {

inline constexpr std::size_t kSegmentPlaintext = (std::size_t{1} << 20) - 32;

inline Header sample_header(std::uint64_t payload_bytes) {
  Header header;
  header.model.bytes.fill(0xAB);
  header.version = 3;
  header.payload_kind = kPayloadOnnx;
  header.payload_bytes = payload_bytes;
  header.key_id.bytes.fill(0xCD);
  header.created = parse_rfc3339("2026-11-23T10:00:00Z").value();
  return header;
}

inline crypto::DataKey sample_key(std::uint8_t first = 1) {
  SecretBytes bytes(crypto::kKeyBytes);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    bytes.expose()[i] = static_cast<std::uint8_t>(first + i);
  }
  return crypto::DataKey::from_bytes(std::move(bytes)).value();
}

/// Bytes that differ from place to place, also between segments.
inline void fill_payload(std::uint64_t offset, MutableByteView out) {
  for (std::size_t i = 0; i < out.size(); ++i) {
    out[i] = static_cast<std::uint8_t>(((offset + i) * 0x9E3779B97F4A7C15u) >> 56);
  }
}
inline Bytes sample_payload(std::size_t size) {
  Bytes payload(size);
  fill_payload(0, payload);
  return payload;
}

/// A payload that is made as it is asked for.
inline PayloadReader sample_source() {
  return [offset = std::uint64_t{0}](MutableByteView out) mutable -> Result<void> {
    fill_payload(offset, out);
    offset += out.size();
    return {};
  };
}

inline ContainerDigest write_sample(const Path& path, const Header& header, ThreadPool& pool,
                                    const crypto::DataKey& key = sample_key()) {
  crypto::SystemRandom random;
  return write_container(path, header, key, random, pool, sample_source()).value();
}

inline Expectation expectation(const Header& header, const ContainerDigest& digest) {
  return {header.model, header.version, digest};
}

inline Bytes load(const Path& path) { return load_file(path, std::size_t{64} << 20).value(); }

/// Without waiting for the disk, which `store_file` does.
inline void store(const Path& path, ByteView bytes) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << as_text(bytes);
  TORCHKEEP_CHECK(file.flush().good());
}

/// Reads all of a container as a worker does. Errors: the first of open, read and finish.
inline Result<Bytes> read_all(const Path& path, const Expectation& expected, ThreadPool& pool,
                              const crypto::DataKey& key = sample_key()) {
  Reader reader = TRY(Reader::open(path, key, expected, pool));
  Bytes payload(reader.header().payload_bytes);
  TRY(reader.read_exactly(payload));
  TRY(reader.finish());
  return payload;
}

}  // namespace torchkeep::container::testing
