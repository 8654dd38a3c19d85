#include "torchkeep/container/internal/container_file.h"

#include <array>
#include <atomic>

#include "torchkeep/base/mutex.h"
#include "torchkeep/base/text.h"

namespace torchkeep::container {
namespace {

// Where two workers fail, the one nearer to the file's beginning is told.
struct Failure {
  Mutex mutex;
  std::optional<Error> error GUARDED_BY(mutex);
  std::uint64_t index GUARDED_BY(mutex) = 0;

  void keep(std::uint64_t where, Error why) {
    MutexLock lock(mutex);
    if (error && index < where) return;
    error = std::move(why);
    index = where;
  }
};

}  // namespace

Bytes encode_prefix(const Header& header) {
  const Bytes json = encode(header);
  Bytes prefix = to_bytes(as_bytes(kMagic));
  append_le32(prefix, static_cast<std::uint32_t>(json.size()));
  append(prefix, json);
  return prefix;
}

Result<ContainerFile> ContainerFile::open(const Path& path) {
  FileSource file = TRY(FileSource::open(path));
  Bytes beginning(kPrefixStartBytes);
  TRY(file.read_exactly(beginning).context("too short for a model container"));
  if (!equal(ByteView(beginning).first(kMagic.size()), as_bytes(kMagic))) {
    return malformed("it does not begin with ", kMagic, ": no model container");
  }
  const std::uint32_t header_bytes = load_le32(ByteView(beginning).last(4));
  if (header_bytes == 0 || header_bytes > kMaxHeaderBytes) {
    return malformed("container header has ", header_bytes, " bytes, allowed is 1 to ",
                     kMaxHeaderBytes);
  }
  beginning.resize(kPrefixStartBytes + header_bytes + kFloeHeaderBytes);
  TRY(file.read_exactly(MutableByteView(beginning).subspan(kPrefixStartBytes))
          .context("container header"));
  Header header = TRY(parse_header(ByteView(beginning).subspan(kPrefixStartBytes, header_bytes)));
  return ContainerFile(std::move(file), std::move(header), std::move(beginning));
}

Result<void> ContainerFile::load_segment(std::uint64_t position, MutableByteView out) const {
  return file_.read_exactly_at(beginning_.size() + position * kFloe.segment_bytes, out);
}

Result<bool> ContainerFile::has_more() const {
  std::array<std::uint8_t, 1> byte;
  const std::uint64_t end = beginning_.size() + segments().total_stored_bytes();
  const Result<void> read = file_.read_exactly_at(end, byte);
  if (!read && read.error().code != ErrorCode::Malformed) return read.error();
  return read.ok();
}

Result<void> for_each_job(ThreadPool& pool, std::uint64_t count, const JobWork& work) {
  std::atomic<std::uint64_t> next{0};
  std::atomic<bool> failed{false};
  Failure failure;
  const auto workers = std::size_t(std::min<std::uint64_t>(pool.threads(), count));
  pool.parallel_for(workers, [&](std::size_t worker) {
    while (!failed) {
      const std::uint64_t index = next.fetch_add(1);
      if (index >= count) return;
      Result<void> done = work(worker, index);
      if (done) continue;
      failure.keep(index, std::move(done).error());
      failed = true;
    }
  });
  MutexLock lock(failure.mutex);
  if (failure.error) return *std::move(failure.error);
  return {};
}

}  // namespace torchkeep::container
