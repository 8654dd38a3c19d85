#pragma once

#include <algorithm>
#include <functional>

#include "torchkeep/base/file.h"
#include "torchkeep/base/text.h"
#include "torchkeep/base/thread_pool.h"
#include "torchkeep/container/digest.h"
#include "torchkeep/container/header.h"
#include "torchkeep/container/internal/floe.h"

/// Where the parts of a container lie. Grammar: docs/formats/model-container.md.
namespace torchkeep::container {

inline constexpr FloeParameters kFloe;
inline constexpr std::size_t kPrefixStartBytes = 4 + 4;  // magic, header length
static_assert(kPrefixStartBytes + kMaxHeaderBytes <= kMaxFloeAssociatedBytes);
static_assert(kMaxPayloadBytes == kMaxFloeSegments * (kFloe.segment_bytes - kFloeOverheadBytes));

/// magic || header length || header: FLOE's associated data.
Bytes encode_prefix(const Header& header);

/// Segments a thread that are worked on in one round at most; their leaves are kept meanwhile.
inline constexpr std::size_t kRoundSegments = 64;

/// How a payload is cut. The last segment is never empty. A value.
class Segments {
 public:
  explicit Segments(std::uint64_t payload_bytes) : payload_bytes_(payload_bytes) {}
  std::uint64_t count() const { return (payload_bytes_ - 1) / kFloe.plaintext_bytes() + 1; }
  bool is_final(std::uint64_t position) const { return position + 1 == count(); }
  std::size_t plaintext_bytes(std::uint64_t position) const {
    const std::uint64_t left = payload_bytes_ - position * kFloe.plaintext_bytes();
    return std::size_t(std::min<std::uint64_t>(left, kFloe.plaintext_bytes()));
  }
  /// Of `segment_count` segments from `first` on.
  std::size_t plaintext_bytes(std::uint64_t first, std::size_t segment_count) const {
    if (segment_count == 0) return 0;
    return (segment_count - 1) * kFloe.plaintext_bytes() +
           plaintext_bytes(first + segment_count - 1);
  }
  std::size_t stored_bytes(std::uint64_t position) const {
    return plaintext_bytes(position) + kFloeOverheadBytes;
  }
  /// The same of the largest segment.
  std::size_t largest_stored_bytes() const { return stored_bytes(0); }
  std::uint64_t total_stored_bytes() const { return payload_bytes_ + count() * kFloeOverheadBytes; }

  /// For errors: "segment 2 of 5".
  std::string name(std::uint64_t position) const {
    return text("segment ", position + 1, " of ", count());
  }

 private:
  std::uint64_t payload_bytes_;
};

/// A container whose beginning has been read, once; its segments are still to be read. Nothing in
/// it is authentic. Move-only.
class ContainerFile {
 public:
  /// Errors: NotFound, Unavailable; Malformed.
  static Result<ContainerFile> open(const Path& path);

  const Header& header() const { return header_; }
  /// magic || header length || header || FLOE header: leaf 0 of the digest.
  ByteView beginning() const { return beginning_; }
  ByteView prefix() const { return beginning().first(beginning_.size() - kFloeHeaderBytes); }
  ByteView floe_header() const { return beginning().last(kFloeHeaderBytes); }
  Segments segments() const { return Segments(header_.payload_bytes); }

  /// Fills `out`, which has the segment's stored size. *Thread-safe.*
  /// Errors: Malformed if the file ends first; Unavailable.
  Result<void> load_segment(std::uint64_t position, MutableByteView out) const;
  /// Whether anything follows the last segment. Errors: Unavailable.
  Result<bool> has_more() const;

 private:
  ContainerFile(FileSource file, Header header, Bytes beginning)
      : file_(std::move(file)), header_(std::move(header)), beginning_(std::move(beginning)) {}
  FileSource file_;
  Header header_;
  Bytes beginning_;
};

/// Calls `work(worker, index)` for each index below `count` in rising order, on all threads of
/// `pool`; `worker` is below pool.threads(), and no two calls with the same one overlap. After a
/// failure no new index begins; the failure of the lowest index is returned.
using JobWork = std::function<Result<void>(std::size_t worker, std::uint64_t index)>;
Result<void> for_each_job(ThreadPool& pool, std::uint64_t count, const JobWork& work);

}  // namespace torchkeep::container
