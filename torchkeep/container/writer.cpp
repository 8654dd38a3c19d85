#include "torchkeep/container/writer.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "torchkeep/base/mutex.h"
#include "torchkeep/container/internal/container_file.h"

namespace torchkeep::container {
namespace {

// Enough that threads seldom wait for the slowest of them, little enough to stay in the cache.
constexpr std::size_t kBatchPerThread = 4;

/// A sink that takes segments from several threads and writes them in order. *Thread-safe.*
class OrderedSink {
 public:
  explicit OrderedSink(FileSink& sink) : sink_(sink) {}

  /// Waits until all before `position` have been written. Errors: as the sink's, also for all that
  /// come after a failure.
  Result<void> write(std::uint64_t position, ByteView segment) {
    MutexLock lock(mutex_);
    turn_.wait(mutex_, [&]() REQUIRES(mutex_) { return failure_ || next_ == position; });
    if (!failure_) {
      Result<void> written = sink_.write(segment);
      if (!written) failure_ = std::move(written).error();
      ++next_;
      turn_.notify_all();
    }
    if (failure_) return *failure_;
    return {};
  }

 private:
  FileSink& sink_;
  Mutex mutex_;
  Condition turn_;
  std::uint64_t next_ GUARDED_BY(mutex_) = 0;
  std::optional<Error> failure_ GUARDED_BY(mutex_);
};

/// What one thread works with.
struct Worker {
  FloeSegments cipher;
  Bytes stored;
};

/// One container on its way to the disk.
class Writing {
 public:
  Writing(const Header& header, const FloeMessage& message, ThreadPool& pool,
          crypto::Random& random, FileSink& sink)
      : segments_(header.payload_bytes), pool_(pool), random_(random), sink_(sink) {
    for (std::size_t i = 0; i < pool.threads(); ++i) {
      workers_.push_back({FloeSegments(message), Bytes(segments_.largest_stored_bytes())});
    }
  }

  Result<void> run(DigestTree& tree, const PayloadReader& payload, const Progress& progress) {
    const std::uint64_t batch =
        std::min<std::uint64_t>(kBatchPerThread * pool_.threads(), segments_.count());
    SecretBytes plaintext(std::size_t(batch) * segments_.plaintext_bytes(0));
    std::vector<Digest256> leaves(batch);
    for (std::uint64_t first = 0; first < segments_.count(); first += batch) {
      const std::size_t count = std::size_t(std::min(batch, segments_.count() - first));
      const std::size_t bytes = (count - 1) * segments_.plaintext_bytes(first) +
                                segments_.plaintext_bytes(first + count - 1);
      const MutableByteView read = plaintext.expose().first(bytes);
      TRY(payload(read));
      TRY(for_each_segment(pool_, count, [&](std::size_t worker, std::size_t i) {
        return encrypt(
            workers_[worker], first + i,
            read.subspan(i * kFloe.plaintext_bytes(), segments_.plaintext_bytes(first + i)),
            leaves[i]);
      }));
      for (std::size_t i = 0; i < count; ++i) tree.append(leaves[i]);
      if (progress) progress(bytes);
    }
    return {};
  }

 private:
  // Encrypted, hashed and written by one thread, while the segment is in its cache.
  Result<void> encrypt(Worker& worker, std::uint64_t position, ByteView plaintext,
                       Digest256& leaf) {
    const MutableByteView stored =
        MutableByteView(worker.stored).first(segments_.stored_bytes(position));
    worker.cipher.encrypt(position, segments_.is_final(position),
                          random_.array<crypto::kNonceBytes>(), plaintext, stored);
    leaf = hash_leaf(stored);
    return sink_.write(position, stored);
  }

  Segments segments_;
  ThreadPool& pool_;
  crypto::Random& random_;
  OrderedSink sink_;
  std::vector<Worker> workers_;
};

}  // namespace

Result<ContainerDigest> write_container(const Path& path, const Header& header,
                                        const crypto::DataKey& data_key, crypto::Random& random,
                                        ThreadPool& pool, const PayloadReader& payload,
                                        const Progress& progress,
                                        const BeforeAppearing& before_appearing) {
  TRY(check_header(header));
  Bytes beginning = encode_prefix(header);
  const FloeMessage message =
      FloeMessage::begin(kFloe, data_key.expose(), beginning, random.array<kFloeIvBytes>());
  append(beginning, message.header());

  FileSink sink = TRY(FileSink::create(path));
  TRY(sink.write(beginning));
  DigestTree tree;
  tree.append(hash_leaf(beginning));
  TRY(Writing(header, message, pool, random, sink).run(tree, payload, progress));
  const ContainerDigest digest = tree.root();
  if (before_appearing) TRY(before_appearing(digest));
  TRY(sink.commit());
  return digest;
}

}  // namespace torchkeep::container
