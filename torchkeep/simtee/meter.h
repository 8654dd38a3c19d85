#pragma once

#include <map>
#include <utility>

#include <sys/types.h>

#include "torchkeep/attest/claims.h"
#include "torchkeep/base/file.h"

/// Finds out which program asks. The platform measures it by itself, as a CPU does: from the kernel
/// it takes the process at the other end of the socket and the file that this process executes;
/// from the disk the signed description beside that file. A program states nothing about itself.
namespace torchkeep::simtee {

/// The process at the other end of a Unix socket, held since it was found: once it has gone,
/// nothing is read of it any more, even if a later process gets its number. Move-only.
class Peer {
 public:
  /// As the kernel remembers who connected `socket`.
  /// Errors: Unavailable if that process has gone, or cannot be seen from here.
  static Result<Peer> find(int socket);
  Peer(Peer&& other) noexcept;
  Peer& operator=(Peer&&) = delete;
  ~Peer();

  pid_t id() const { return id_; }
  /// Leads to the executed file itself, whatever lies under its name by now.
  Path executable() const;
  /// The name that the executed file had when it was started. Errors: Unavailable.
  Result<Path> executable_name() const;

 private:
  Peer(pid_t id, int folder) : id_(id), folder_(folder) {}
  pid_t id_;
  int folder_;  // its folder in /proc
};

/// Remembers what it has read, so that a second quote costs no second hash. *Lives on one strand.*
class Meter {
 public:
  /// The enclave that a process is. A process that this meter has measured before keeps its
  /// identity when its file is deleted or replaced on disk, as a running enclave does. Errors:
  /// Untrusted if there is no description, if it is not validly signed or is about other bytes,
  /// with what was found and wanted; Unavailable if the process has gone.
  Result<attest::SgxEnclave> measure(const Peer& peer);

 private:
  /// An executable file's identity; any change of its bytes changes one of these.
  struct FileIdentity {
    dev_t device;
    ino_t inode;
    off_t size;
    std::int64_t modified_ns;
    std::int64_t changed_ns;
    auto operator<=>(const FileIdentity&) const = default;
  };
  static Result<FileIdentity> identify(const Path& executable);
  Result<Digest256> measure_executable(const Path& executable, const FileIdentity& identity);
  Result<attest::SgxEnclave> find_description(const Path& named, const FileIdentity& identity,
                                              const Digest256& measured);

  std::map<FileIdentity, Digest256> measured_;
  std::map<std::pair<dev_t, ino_t>, attest::SgxEnclave> described_;
};

}  // namespace torchkeep::simtee
