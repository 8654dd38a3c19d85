#include <sys/mman.h>
#include <unistd.h>

#include "torchkeep/container/internal/container_file.h"

#include "tests/container/sample.h"

// Whole containers behind their header tag: input = header length (LE16) || header || how (1) ||
// rest. The header is signed afresh under a known key. `how` is 0: `rest` are the segments as they
// are; else: `rest` is encrypted as the first and last segment, and how - 1 bytes are cut off its
// end.
namespace torchkeep::container {
namespace {

constexpr std::size_t kMostRead = std::size_t{4} << 20;

Result<Bytes> make_container(ByteView input) {
  ByteReader reader(input);
  const std::uint16_t header_bytes = TRY(reader.take_le16("header length"));
  const ByteView header = TRY(reader.take(header_bytes, "header"));
  const std::uint8_t how = TRY(reader.take_u8("how"));
  Bytes file = to_bytes(as_bytes(kMagic));
  append_le32(file, header_bytes);
  append(file, header);
  if (file.size() > kMaxFloeAssociatedBytes) return malformed("too long to be signed");
  const auto message = FloeMessage::begin(kFloe, testing::sample_key().expose(), file, FloeIv{9});
  append(file, message.header());
  if (how == 0 || reader.rest().size() > kFloe.plaintext_bytes()) {
    append(file, reader.rest());
    return file;
  }
  Bytes segment(reader.rest().size() + kFloeOverheadBytes);
  FloeSegments(message).encrypt(0, true, {}, reader.rest(), segment);
  append(file, segment);
  file.resize(file.size() - std::min<std::size_t>(how - 1u, file.size()));
  return file;
}

void read(const Path& path, ThreadPool& pool, ByteView input) {
  const auto digest = load_digest(path, pool);
  const auto header = load_header(path);
  if (!header) return;
  auto reader =
      Reader::open(path, testing::sample_key(),
                   {header->model, header->version, digest ? *digest : ContainerDigest{}}, pool);
  if (!reader || header->payload_bytes > kMostRead) return;
  Bytes payload(header->payload_bytes);
  const MutableByteView all(payload);
  if (!reader->read_exactly(all.first(all.size() / 2))) return;
  if (!reader->read_exactly(all.subspan(all.size() / 2))) return;
  // Whatever passes is what the only holder of the key has encrypted.
  TORCHKEEP_CHECK(payload.size() <= input.size());
  TORCHKEEP_CHECK(equal(input.last(payload.size()), payload));
  TORCHKEEP_CHECK(reader->finish().ok() == digest.ok());
}

}  // namespace
}  // namespace torchkeep::container

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace torchkeep;
  const auto file = container::make_container(ByteView(data, size));
  if (!file) return 0;
  const int descriptor = memfd_create("container", MFD_CLOEXEC);
  TORCHKEEP_CHECK(descriptor >= 0);
  TORCHKEEP_CHECK(::write(descriptor, file->data(), file->size()) ==
                  static_cast<ssize_t>(file->size()));
  ThreadPool pool(1);
  container::read(text("/proc/self/fd/", descriptor), pool, ByteView(data, size));
  ::close(descriptor);
  return 0;
}
