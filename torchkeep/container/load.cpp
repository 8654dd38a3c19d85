#include <algorithm>
#include <vector>

#include "torchkeep/base/text.h"
#include "torchkeep/container/internal/container_file.h"
#include "torchkeep/container/reader.h"

namespace torchkeep::container {

Result<Header> load_header(const Path& path) {
  const ContainerFile file = TRY(ContainerFile::open(path).context(path.string()));
  return file.header();
}

Result<ContainerDigest> load_digest(const Path& path, ThreadPool& pool) {
  const ContainerFile file = TRY(ContainerFile::open(path).context(path.string()));
  const Segments segments = file.segments();
  DigestTree tree;
  tree.append(hash_leaf(file.beginning()));
  std::vector<Bytes> stored(pool.threads());
  const std::uint64_t round = kRoundSegments * pool.threads();
  std::vector<Digest256> leaves(std::min(round, segments.count()));
  for (std::uint64_t first = 0; first < segments.count(); first += round) {
    const std::size_t count = std::size_t(std::min(round, segments.count() - first));
    TRY(for_each_job(pool, count, [&](std::size_t worker, std::uint64_t i) -> Result<void> {
          stored[worker].resize(segments.stored_bytes(first + i));
          TRY(file.load_segment(first + i, stored[worker]).context(segments.name(first + i)));
          leaves[i] = hash_leaf(stored[worker]);
          return {};
        }).context(path.string()));
    for (std::size_t i = 0; i < count; ++i) tree.append(leaves[i]);
  }
  if (TRY(file.has_more())) {
    return malformed(path.string(), ": bytes follow the last of ", segments.count(), " segments");
  }
  return tree.root();
}

}  // namespace torchkeep::container
