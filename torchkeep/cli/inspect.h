#pragma once

#include <array>

#include "torchkeep/base/thread_pool.h"
#include "torchkeep/container/reader.h"

/// What a host can see of a container, for its owner to see the same.
namespace torchkeep::cli {

struct Inspection {
  container::Header header;  ///< As the file claims: without the key nobody can tell.
  std::uint64_t file_bytes = 0;
  std::uint64_t segments = 0;
  ContainerDigest digest;
  double entropy = 0;  ///< Of the ciphertext, bits a byte; 8 is noise.
};

/// Reads the whole file, without a key. Errors: NotFound, Unavailable; Malformed.
Result<Inspection> inspect(const Path& container, ThreadPool& pool);

/// Shannon's, of single bytes; 0 of nothing.
class EntropyMeter {
 public:
  void add(ByteView bytes);
  double bits_per_byte() const;

 private:
  std::array<std::uint64_t, 256> counts_{};
};

}  // namespace torchkeep::cli
