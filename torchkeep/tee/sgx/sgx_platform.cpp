#include "torchkeep/tee/sgx/sgx_platform.h"

#include <cerrno>
#include <system_error>

#include <fcntl.h>
#include <unistd.h>

#include "torchkeep/base/mutex.h"
#include "torchkeep/base/text.h"
#include "torchkeep/crypto/hkdf.h"

namespace torchkeep::tee {
namespace {

constexpr std::size_t kMaxQuoteBytes = 64 * 1024;
constexpr std::size_t kCpuKeyBytes = 16;
constexpr std::string_view kSealingSalt = "torchkeep/sgx/sealing/v1";

Error file_error(const Path& path, std::string_view attempt) {
  return unavailable(attempt, " ", path.string(), ": ", std::generic_category().message(errno));
}

class Descriptor {
 public:
  explicit Descriptor(int descriptor) : descriptor_(descriptor) {}
  ~Descriptor() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return descriptor_; }

 private:
  int descriptor_;
};

// The LibOS's files tell no size beforehand, so they are read to their end. Returns the bytes read.
Result<std::size_t> read_to_end(const Path& path, MutableByteView out) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0) return file_error(path, "cannot open");
  std::size_t size = 0;
  while (size < out.size()) {
    const ssize_t got = ::read(file.get(), out.data() + size, out.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return file_error(path, "cannot read");
    if (got == 0) return size;
    size += static_cast<std::size_t>(got);
  }
  return unavailable(path.string(), " is larger than ", out.size() - 1, " bytes");
}

Result<void> write_all(const Path& path, ByteView bytes) {
  const Descriptor file(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (file.get() < 0) return file_error(path, "cannot open");
  // One write: the LibOS takes the report data as a whole.
  const ssize_t wrote = ::write(file.get(), bytes.data(), bytes.size());
  if (wrote != static_cast<ssize_t>(bytes.size())) return file_error(path, "cannot write");
  return {};
}

/// *Thread-safe.*
class SgxPlatform final : public Platform {
 public:
  explicit SgxPlatform(Path folder) : folder_(std::move(folder)) {}

  PlatformKind kind() const override { return PlatformKind::Sgx; }

  Result<Bytes> make_evidence(const ReportData& report_data) override {
    // Report data and quote are two files: nobody else may write between them.
    const MutexLock lock(mutex_);
    TRY(write_all(folder_ / "user_report_data", report_data.bytes()));
    Bytes quote(kMaxQuoteBytes + 1);
    quote.resize(TRY(read_to_end(folder_ / "quote", quote)));
    if (quote.empty()) return unavailable((folder_ / "quote").string(), " is empty");
    return quote;
  }

  Result<SecretBytes> sealing_key(std::string_view purpose) override {
    TRY(check_purpose(purpose));
    SecretBytes cpu_key(kCpuKeyBytes + 1);
    const Path path = folder_ / "keys" / "_sgx_mrenclave";
    const std::size_t size = TRY(read_to_end(path, cpu_key.expose()));
    if (size != kCpuKeyBytes) {
      return unavailable(path.string(), " has ", size, " bytes, the CPU's key has ", kCpuKeyBytes);
    }
    return crypto::hkdf_sha256(cpu_key.expose().first(size), as_bytes(kSealingSalt),
                               as_bytes(purpose), 32);
  }

 private:
  Path folder_;
  Mutex mutex_;
};

}  // namespace

Result<std::unique_ptr<Platform>> open_sgx_platform(const Path& folder) {
  for (const char* const name : {"user_report_data", "quote", "keys/_sgx_mrenclave"}) {
    const Path path = folder / name;
    if (::access(path.c_str(), F_OK) != 0) {
      return unavailable(path.string(),
                         " is missing: this program runs only inside an SGX enclave, with "
                         "sgx.remote_attestation = \"dcap\" in its manifest");
    }
  }
  return std::make_unique<SgxPlatform>(folder);
}

}  // namespace torchkeep::tee
