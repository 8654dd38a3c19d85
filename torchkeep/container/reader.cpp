#include "torchkeep/container/reader.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "torchkeep/base/text.h"
#include "torchkeep/container/internal/container_file.h"

namespace torchkeep::container {
namespace {

// Decrypted ahead for calls that ask for little. More than this leaves the cache before it is
// taken, which was measured to cost more than the threads' waiting for each other.
constexpr std::uint64_t kAheadPerThread = 1;

/// What one thread works with.
struct Worker {
  FloeSegments cipher;
  Bytes stored;
};

}  // namespace

/// Segments are decrypted in rounds, on all threads. Those that fit into what the caller still
/// wants go straight there; a round that would leave threads idle goes on into `ahead`, from where
/// the next calls are served.
struct Reader::State {
  State(ContainerFile opened, FloeMessage keys, const Expectation& wanted, ThreadPool& threads)
      : file(std::move(opened)),
        message(std::move(keys)),
        expected(wanted),
        pool(threads),
        segments(file.segments()) {
    tree.append(hash_leaf(file.beginning()));
    for (std::size_t i = 0; i < pool.threads(); ++i) {
      workers.push_back({FloeSegments(message), Bytes(segments.largest_stored_bytes())});
    }
  }

  std::uint64_t bytes_left() const {
    return (ahead_end - ahead_begin) + file.header().payload_bytes -
           std::min(next * kFloe.plaintext_bytes(), file.header().payload_bytes);
  }

  Result<void> fail(Error why) {
    failure = why;
    ahead = {};
    ahead_begin = ahead_end = 0;
    return why;
  }

  std::size_t take_ahead(MutableByteView out) {
    const std::size_t size = std::min(out.size(), ahead_end - ahead_begin);
    std::ranges::copy(std::as_const(ahead).expose().subspan(ahead_begin, size), out.begin());
    ahead_begin += size;
    if (ahead_begin == ahead_end && next == segments.count()) ahead = {};  // the last was taken
    return size;
  }

  Result<void> read(MutableByteView out) {
    while (!out.empty()) {
      if (ahead_begin == ahead_end) out = out.subspan(TRY(decrypt_round(out)));
      out = out.subspan(take_ahead(out));
    }
    return {};
  }

  // Returns how many bytes went straight to `out`.
  Result<std::size_t> decrypt_round(MutableByteView out) {
    const std::size_t full = kFloe.plaintext_bytes();
    const std::uint64_t left = segments.count() - next;
    const bool wants_rest = out.size() >= bytes_left();
    const std::uint64_t round = kRoundSegments * pool.threads();
    const std::size_t fitting = std::size_t(std::min(round, wants_rest ? left : out.size() / full));
    std::uint64_t count = fitting;
    if (fitting < round) {
      const std::uint64_t needed = fitting + (!wants_rest && out.size() % full != 0 ? 1 : 0);
      const std::uint64_t threads = pool.threads();
      count = std::min(
          left, std::max(kAheadPerThread * threads, (needed + threads - 1) / threads * threads));
    }
    if (count > fitting && ahead.empty()) {
      ahead = SecretBytes(
          std::size_t(std::min<std::uint64_t>(kAheadPerThread * pool.threads(), segments.count())) *
          segments.plaintext_bytes(0));
    }
    std::vector<Digest256> leaves(count);
    TRY(for_each_job(pool, leaves.size(), [&](std::size_t worker, std::uint64_t i) {
      const std::size_t size = segments.plaintext_bytes(next + i);
      const MutableByteView target = i < fitting
                                         ? out.subspan(i * full, size)
                                         : ahead.expose().subspan((i - fitting) * full, size);
      return decrypt(workers[worker], next + i, target, leaves[i]).context(segments.name(next + i));
    }));
    for (const Digest256& leaf : leaves) tree.append(leaf);
    const std::size_t direct = segments.plaintext_bytes(next, fitting);
    ahead_begin = 0;
    ahead_end = segments.plaintext_bytes(next + fitting, std::size_t(count) - fitting);
    next += count;
    return direct;
  }

  Result<void> decrypt(Worker& worker, std::uint64_t position, MutableByteView target,
                       Digest256& leaf) {
    const MutableByteView stored =
        MutableByteView(worker.stored).first(segments.stored_bytes(position));
    TRY(file.load_segment(position, stored));
    leaf = hash_leaf(stored);
    return worker.cipher.decrypt(position, segments.is_final(position), stored, target);
  }

  ContainerFile file;
  FloeMessage message;
  Expectation expected;
  ThreadPool& pool;
  Segments segments;
  std::vector<Worker> workers;
  DigestTree tree;
  std::uint64_t next = 0;  // the first segment that is not decrypted yet
  SecretBytes ahead;       // plaintext that is decrypted and not yet asked for
  std::size_t ahead_begin = 0;
  std::size_t ahead_end = 0;
  std::optional<Error> failure;
};

Result<Reader> Reader::open(const Path& path, const crypto::DataKey& data_key,
                            const Expectation& expected, ThreadPool& pool) {
  ContainerFile file = TRY(ContainerFile::open(path).context(path.string()));
  const Header& header = file.header();
  if (header.model != expected.model) {
    return untrusted(path.string(), " is a container of model ", header.model.hex(), ", not of ",
                     expected.model.hex());
  }
  if (header.version != expected.version) {
    return untrusted(path.string(), " is version ", header.version, " of the model, not ",
                     expected.version);
  }
  auto message = FloeMessage::open(kFloe, data_key.expose(), file.prefix(), file.floe_header());
  if (!message && message.error().code == ErrorCode::Untrusted) {
    return untrusted(path.string(), ": this key is not the container's (its header names key ",
                     header.key_id.hex(), "), or the header was altered");
  }
  if (!message) return std::move(message).error().context(path.string());
  return Reader(
      std::make_unique<State>(std::move(file), std::move(message).value(), expected, pool));
}

Reader::Reader(std::unique_ptr<State> state) : state_(std::move(state)) {}
Reader::Reader(Reader&&) noexcept = default;
Reader::~Reader() = default;

const Header& Reader::header() const { return state_->file.header(); }

Result<void> Reader::read_exactly(MutableByteView out) {
  State& state = *state_;
  if (state.failure) {
    wipe(out);
    return untrusted("the container has failed before: ", state.failure->message);
  }
  if (out.size() > state.bytes_left()) {
    wipe(out);
    return state.fail(invalid_argument(out.size(), " bytes wanted, the payload has ",
                                       state.bytes_left(), " left"));
  }
  Result<void> done = state.read(out);
  if (done) return {};
  wipe(out);
  return state.fail(std::move(done).error());
}

Result<void> Reader::finish() {
  State& state = *state_;
  if (state.failure) {
    return untrusted("the container has failed before: ", state.failure->message);
  }
  if (state.bytes_left() > 0) {
    return state.fail(invalid_argument(state.bytes_left(), " bytes of the payload were not read"));
  }
  const Result<bool> more = state.file.has_more();
  if (!more) return state.fail(more.error());
  if (*more) {
    return state.fail(untrusted("bytes follow the last of ", state.segments.count(), " segments"));
  }
  const ContainerDigest digest = state.tree.root();
  if (digest != state.expected.digest) {
    return state.fail(untrusted("its digest is ", digest.hex(), ", the owner signed ",
                                state.expected.digest.hex(), " for this version"));
  }
  return {};
}

}  // namespace torchkeep::container
