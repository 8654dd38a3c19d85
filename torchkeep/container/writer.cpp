#include "torchkeep/container/writer.h"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "torchkeep/container/internal/container_file.h"

namespace torchkeep::container {
namespace {

// Large writes cost the kernel less for each byte; more would leave the processor's cache.
constexpr std::uint64_t kBatchSegments = 8;

/// Segments that are read together, encrypted by all threads and written together.
struct Batch {
  SecretBytes plaintext;
  SecretBytes stored;  // not secret, but on aligned pages, which the kernel copies faster
  std::vector<Digest256> leaves;
};

/// One container on its way to the disk. While a batch is encrypted, the one before it is written
/// and the one behind it read, each by one of the threads.
class Writing {
 public:
  Writing(const Header& header, const FloeMessage& message, ThreadPool& pool,
          crypto::Random& random, const PayloadReader& payload, FileSink& sink)
      : segments_(header.payload_bytes),
        batch_segments_(
            std::min(segments_.count(), std::max<std::uint64_t>(pool.threads(), kBatchSegments))),
        pool_(pool),
        random_(random),
        payload_(payload),
        sink_(sink) {
    for (std::size_t i = 0; i < pool.threads(); ++i) ciphers_.emplace_back(message);
    for (Batch& batch : batches_) {
      batch.plaintext = SecretBytes(std::size_t(batch_segments_) * segments_.plaintext_bytes(0));
      batch.stored = SecretBytes(std::size_t(batch_segments_) * segments_.stored_bytes(0));
      batch.leaves.resize(std::size_t(batch_segments_));
    }
  }

  Result<void> run(DigestTree& tree, const Progress& progress) {
    const std::uint64_t batches = (segments_.count() - 1) / batch_segments_ + 1;
    TRY(read(0));
    for (std::uint64_t current = 0; current <= batches; ++current) {
      const std::size_t count = current < batches ? count_in(current) : 0;
      // The two that only one thread can do come first, so that nobody waits for them in the end.
      TRY(for_each_job(pool_, count + 2, [&](std::size_t worker, std::size_t job) -> Result<void> {
        if (job == 0) return current > 0 ? write(current - 1) : Result<void>();
        if (job == 1) return current + 1 < batches ? read(current + 1) : Result<void>();
        encrypt(ciphers_[worker], current, job - 2);
        return {};
      }));
      for (std::size_t i = 0; i < count; ++i) tree.append(batch(current).leaves[i]);
      if (progress && current > 0) progress(plaintext_bytes(current - 1));
    }
    return {};
  }

 private:
  Batch& batch(std::uint64_t index) { return batches_[index % batches_.size()]; }
  std::size_t count_in(std::uint64_t index) const {
    return std::size_t(std::min(batch_segments_, segments_.count() - index * batch_segments_));
  }
  std::size_t plaintext_bytes(std::uint64_t index) const {
    return segments_.plaintext_bytes(index * batch_segments_, count_in(index));
  }

  Result<void> read(std::uint64_t index) {
    return payload_(batch(index).plaintext.expose().first(plaintext_bytes(index)));
  }

  Result<void> write(std::uint64_t index) {
    const std::size_t bytes = plaintext_bytes(index) + count_in(index) * kFloeOverheadBytes;
    return sink_.write(batch(index).stored.expose().first(bytes));
  }

  // Encrypted and hashed by one thread, while the segment is in its cache.
  void encrypt(FloeSegments& cipher, std::uint64_t index, std::size_t i) {
    const std::uint64_t position = index * batch_segments_ + i;
    Batch& at = batch(index);
    const ByteView plaintext =
        std::as_const(at.plaintext)
            .expose()
            .subspan(i * kFloe.plaintext_bytes(), segments_.plaintext_bytes(position));
    const MutableByteView stored =
        at.stored.expose().subspan(i * kFloe.segment_bytes, segments_.stored_bytes(position));
    cipher.encrypt(position, segments_.is_final(position), random_.array<crypto::kNonceBytes>(),
                   plaintext, stored);
    at.leaves[i] = hash_leaf(stored);
  }

  Segments segments_;
  std::uint64_t batch_segments_;
  ThreadPool& pool_;
  crypto::Random& random_;
  const PayloadReader& payload_;
  FileSink& sink_;
  std::vector<FloeSegments> ciphers_;
  std::array<Batch, 2> batches_;
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
  TRY(Writing(header, message, pool, random, payload, sink).run(tree, progress));
  const ContainerDigest digest = tree.root();
  if (before_appearing) TRY(before_appearing(digest));
  TRY(sink.commit());
  return digest;
}

}  // namespace torchkeep::container
