#pragma once

#include <memory>

#include "torchkeep/base/file.h"
#include "torchkeep/base/thread_pool.h"
#include "torchkeep/container/header.h"
#include "torchkeep/crypto/key.h"

namespace torchkeep::container {

/// The header of the file at `path`, as its host claims it: not authentic.
/// Errors: NotFound, Unavailable, Malformed.
Result<Header> load_header(const Path& path);

/// The container digest of a whole file, which needs no key: what an owner signed for it.
/// Errors: NotFound, Unavailable, Malformed.
Result<ContainerDigest> load_digest(const Path& path, ThreadPool& pool);

/// What the container must be, from signed statements and the place where it was found.
struct Expectation {
  ModelId model;
  std::uint64_t version = 0;
  ContainerDigest digest;
};

/// A container that is decrypted from front to back, once. Each byte of the file is read once.
/// Move-only; *lives on one thread*, and uses all of the pool's. After any error it is of no use,
/// and `finish` keeps failing; the caller drops what it has read, whose memory is wiped then.
class Reader {
 public:
  /// Reads the header once and checks key, model and version. File, pool outlive nothing: the file
  /// is opened here, `pool` must outlive the reader.
  /// Errors: NotFound, Unavailable; Malformed; Untrusted, naming what is not as expected: another
  /// model, another version, another key or an altered header.
  static Result<Reader> open(const Path& path, const crypto::DataKey& data_key,
                             const Expectation& expected, ThreadPool& pool);
  Reader(Reader&&) noexcept;
  Reader& operator=(Reader&&) = delete;
  ~Reader();

  /// Authentic.
  const Header& header() const;

  /// Decrypts the next bytes straight into `out`; whole segments are not copied twice.
  /// Errors: Untrusted, naming the segment, or Malformed for a truncated file; `out` is wiped then.
  /// InvalidArgument past the payload's end.
  Result<void> read_exactly(MutableByteView out);

  /// To be called when all of the payload has been read: nothing may be used before it passes.
  /// Errors: Untrusted if the digest of header and segments is not the signed one, if bytes follow
  /// the last segment, or if anything failed before; InvalidArgument if payload bytes are left.
  Result<void> finish();

 private:
  struct State;
  explicit Reader(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace torchkeep::container
