#include "torchkeep/cli/inspect.h"

#include <algorithm>
#include <cmath>

namespace torchkeep::cli {
namespace {

constexpr std::size_t kPieceBytes = std::size_t{1} << 20;

}  // namespace

void EntropyMeter::add(ByteView bytes) {
  for (const std::uint8_t byte : bytes) ++counts_[byte];
}

double EntropyMeter::bits_per_byte() const {
  double total = 0;
  for (const std::uint64_t count : counts_) total += static_cast<double>(count);
  double bits = 0;
  for (const std::uint64_t count : counts_) {
    if (count == 0) continue;
    const double share = static_cast<double>(count) / total;
    bits -= share * std::log2(share);
  }
  return bits;
}

Result<Inspection> inspect(const Path& container, ThreadPool& pool) {
  Inspection seen;
  seen.header = TRY(container::load_header(container));
  seen.segments = container::segment_count(seen.header);
  seen.digest = TRY(container::load_digest(container, pool));

  FileSource file = TRY(FileSource::open(container));
  seen.file_bytes = file.size();
  Bytes piece(kPieceBytes);
  // What stands before the ciphertext: magic, length, header.
  const std::size_t beginning = 8 + container::encode(seen.header).size();
  TRY(file.read_exactly(MutableByteView(piece).first(beginning)));
  EntropyMeter meter;
  for (std::uint64_t left = seen.file_bytes - beginning; left > 0;) {
    const auto part =
        MutableByteView(piece).first(std::size_t(std::min<std::uint64_t>(left, piece.size())));
    TRY(file.read_exactly(part).context(container.string()));
    meter.add(part);
    left -= part.size();
  }
  seen.entropy = meter.bits_per_byte();
  return seen;
}

}  // namespace torchkeep::cli
