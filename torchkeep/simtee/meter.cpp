#include "torchkeep/simtee/meter.h"

#include <cerrno>
#include <system_error>

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "torchkeep/base/text.h"
#include "torchkeep/simtee/sigstruct.h"

namespace torchkeep::simtee {
namespace {

constexpr std::string_view kDeleted = " (deleted)";
constexpr std::string_view kUnreadable = "the program that asks cannot be read: ";
constexpr std::size_t kMaxRemembered = 1024;

std::string reason() { return std::generic_category().message(errno); }

std::int64_t nanoseconds(const timespec& time) {
  return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

}  // namespace

Result<Peer> Peer::find(int socket) {
  ucred peer{};
  socklen_t size = sizeof peer;
  if (::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) {
    return unavailable("the process that asks cannot be told: ", reason());
  }
  if (peer.pid <= 0) {
    return unavailable("the process that asks is in a PID namespace that is hidden from here");
  }
  const std::string path = text("/proc/", peer.pid);
  const int folder = ::open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (folder < 0)
    return unavailable("process ", peer.pid, ", which asks, cannot be seen: ", reason());
  return Peer(peer.pid, folder);
}

Peer::Peer(Peer&& other) noexcept : id_(other.id_), folder_(std::exchange(other.folder_, -1)) {}

Peer::~Peer() {
  if (folder_ >= 0) ::close(folder_);
}

Path Peer::executable() const { return text("/proc/self/fd/", folder_, "/exe"); }

Result<Path> Peer::executable_name() const {
  std::error_code failure;
  std::string name = std::filesystem::read_symlink(executable(), failure).string();
  if (failure) return unavailable(kUnreadable, failure.message());
  if (name.ends_with(kDeleted)) name.resize(name.size() - kDeleted.size());
  return Path(name);
}

Result<Meter::FileIdentity> Meter::identify(const Path& executable) {
  struct stat status {};
  if (::stat(executable.c_str(), &status) != 0) {
    return unavailable(kUnreadable, reason());
  }
  return FileIdentity{status.st_dev, status.st_ino, status.st_size, nanoseconds(status.st_mtim),
                      nanoseconds(status.st_ctim)};
}

Result<Digest256> Meter::measure_executable(const Path& executable, const FileIdentity& identity) {
  const auto known = measured_.find(identity);
  if (known != measured_.end()) return known->second;
  const Digest256 measured = TRY(measure_file(executable));
  if (measured_.size() >= kMaxRemembered) measured_.clear();
  measured_.emplace(identity, measured);
  return measured;
}

Result<attest::SgxEnclave> Meter::find_description(const Path& named, const FileIdentity& identity,
                                                   const Digest256& measured) {
  const std::pair file(identity.device, identity.inode);
  // Under its name lies something else by now: what was seen while it lay there still counts.
  const auto under_name = identify(named);
  if (!under_name || std::pair(under_name->device, under_name->inode) != file) {
    const auto known = described_.find(file);
    if (known != described_.end() && known->second.mr_enclave == measured) return known->second;
    return untrusted(named.string(),
                     " was deleted or replaced after it was started; start it again");
  }
  auto described = load_sigstruct(named);
  if (!described) return untrusted(described.error().message);
  TRY(check_measured(named, measured, *described));
  if (described_.size() >= kMaxRemembered) described_.clear();
  described_.insert_or_assign(file, *described);
  return described;
}

Result<attest::SgxEnclave> Meter::measure(const Peer& peer) {
  const Path name = TRY(peer.executable_name());
  const FileIdentity identity = TRY(identify(peer.executable()));
  const Digest256 measured = TRY(measure_executable(peer.executable(), identity));
  const attest::SgxEnclave enclave = TRY(find_description(name, identity, measured));
  // The same process must still execute the same, unchanged file now that all has been looked at.
  if (TRY(identify(peer.executable())) != identity) {
    return unavailable(name.string(), " changed while it was measured; ask again");
  }
  return enclave;
}

}  // namespace torchkeep::simtee
