#include "torchkeep/container/internal/encryption.h"

#include <array>
#include <mutex>
#include <optional>
#include <vector>

#include "torchkeep/base/mutex.h"
#include "torchkeep/container/internal/container_file.h"

namespace torchkeep::container {
namespace {

/// Lets threads that work on different segments do one step in the order of the segments, one at a
/// time; after a failure nobody waits any more. *Thread-safe.*
class Turns {
 public:
  enum Step : std::size_t { Read, Write };

  /// Errors: those of `work`, here or in any turn before.
  Result<void> take(Step step, std::uint64_t position, const std::function<Result<void>()>& work) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return failure_ || next_[step] == position; });
    if (failure_) return *failure_;
    lock.unlock();
    Result<void> done = work();
    lock.lock();
    ++next_[step];
    if (!done && !failure_) failure_ = done.error();
    changed_.notify_all();
    return done;
  }

 private:
  Mutex mutex_;
  Condition changed_;
  std::array<std::uint64_t, 2> next_ GUARDED_BY(mutex_) = {0, 0};
  std::optional<Error> failure_ GUARDED_BY(mutex_);
};

/// What one thread works with: a segment stays in its cache from reading to writing.
struct Worker {
  Worker(const FloeMessage& message, const Segments& segments)
      : cipher(message),
        plaintext(segments.plaintext_bytes(0)),
        stored(segments.largest_stored_bytes()) {}

  FloeSegments cipher;
  SecretBytes plaintext;
  SecretBytes stored;  // not secret, but on aligned pages, which the kernel copies faster
};

}  // namespace

Result<ContainerDigest> encrypt_container(const Header& header, const crypto::DataKey& data_key,
                                          crypto::Random& random, ThreadPool& pool,
                                          const PayloadReader& payload, const Progress& progress,
                                          const ByteSink& sink) {
  Bytes beginning = encode_prefix(header);
  const FloeMessage message =
      FloeMessage::begin(kFloe, data_key.expose(), beginning, random.array<kFloeIvBytes>());
  append(beginning, message.header());

  TRY(sink(beginning));
  DigestTree tree;
  tree.append(hash_leaf(beginning));

  const Segments segments(header.payload_bytes);
  std::vector<Worker> workers;
  for (std::size_t i = 0; i < pool.threads(); ++i) workers.emplace_back(message, segments);
  Turns turns;
  TRY(for_each_job(
      pool, segments.count(), [&](std::size_t i, std::uint64_t position) -> Result<void> {
        Worker& worker = workers[i];
        const auto plaintext = worker.plaintext.expose().first(segments.plaintext_bytes(position));
        const auto stored = worker.stored.expose().first(segments.stored_bytes(position));
        TRY(turns.take(Turns::Read, position, [&] { return payload(plaintext); }));
        worker.cipher.encrypt(position, segments.is_final(position),
                              random.array<crypto::kNonceBytes>(), plaintext, stored);
        const Digest256 leaf = hash_leaf(stored);
        return turns.take(Turns::Write, position, [&]() -> Result<void> {
          TRY(sink(stored));
          tree.append(leaf);
          if (progress) progress(plaintext.size());
          return {};
        });
      }));
  return tree.root();
}

}  // namespace torchkeep::container
