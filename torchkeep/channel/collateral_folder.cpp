#include "torchkeep/channel/collateral_folder.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "torchkeep/base/text.h"
#include "torchkeep/channel/internal/collateral_fields.h"

namespace torchkeep::channel {
namespace {

// A folder that is replaced this often while we read is no honest neighbour's.
constexpr int kReadings = 8;

/// Which folder stands at a path at this moment.
struct Identity {
  dev_t device = 0;
  ino_t inode = 0;
  std::int64_t changed = 0;  // a number is given again once its folder is gone
  bool operator==(const Identity&) const = default;
};

Result<Identity> identify(const Path& folder) {
  struct stat status {};
  if (::stat(folder.c_str(), &status) != 0) {
    const std::string cause = std::strerror(errno);
    if (errno == ENOENT) return not_found("there is no folder ", folder.string());
    return unavailable("looking for ", folder.string(), ": ", cause);
  }
  if (!S_ISDIR(status.st_mode)) return invalid_argument(folder.string(), " is no folder");
  return Identity{status.st_dev, status.st_ino,
                  status.st_ctim.tv_sec * 1'000'000'000 + status.st_ctim.tv_nsec};
}

Result<attest::Collateral> load_once(const Path& folder) {
  attest::Collateral out;
  for (const CollateralField& field : collateral_fields()) {
    auto bytes = load_file(folder / field.file, kMaxCollateralBytes);
    if (bytes) {
      out.*field.bytes = std::move(bytes).value();
    } else if (bytes.error().code != ErrorCode::NotFound) {
      return std::move(bytes).error();
    }
  }
  return out;
}

// What is replaced is removed, so it must be nothing but collateral.
Result<void> check_replaceable(const Path& folder) {
  std::error_code error;
  for (std::filesystem::directory_iterator at(folder, error), end; !error && at != end;
       at.increment(error)) {
    const std::string name = at->path().filename().string();
    if (std::ranges::any_of(collateral_fields(),
                            [&](const CollateralField& field) { return field.file == name; })) {
      continue;
    }
    return invalid_argument(folder.string(), " holds \"", name,
                            "\", which is no document of ours: give the collateral a folder of its "
                            "own");
  }
  if (error) return unavailable("reading ", folder.string(), ": ", error.message());
  return {};
}

/// A folder that is removed again unless it was kept.
class NewFolder {
 public:
  static Result<NewFolder> create(const Path& folder) {
    std::string path = folder.string() + ".unfinished.XXXXXX";
    if (::mkdtemp(path.data()) == nullptr) {
      return unavailable("making a folder beside ", folder.string(), ": ", std::strerror(errno));
    }
    NewFolder made{Path(path)};
    if (::chmod(path.c_str(), 0755) != 0) {
      return unavailable("opening ", path, " to its readers: ", std::strerror(errno));
    }
    return made;
  }
  NewFolder(NewFolder&& other) noexcept : path_(std::exchange(other.path_, Path())) {}
  NewFolder& operator=(NewFolder&&) = delete;
  ~NewFolder() {
    std::error_code ignored;  // nothing more can be done about it
    if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
  }

  const Path& path() const { return path_; }

  /// Takes the place of `folder`; what stood there is removed with this object.
  Result<void> become(const Path& folder) {
    if (::rename(path_.c_str(), folder.c_str()) == 0) {
      path_.clear();
      return {};
    }
    if (errno == ENOTEMPTY || errno == EEXIST) {
      if (::renameat2(AT_FDCWD, path_.c_str(), AT_FDCWD, folder.c_str(), RENAME_EXCHANGE) == 0) {
        return {};
      }
    }
    return unavailable("putting ", folder.string(), " in its place: ", std::strerror(errno));
  }

 private:
  explicit NewFolder(Path path) : path_(std::move(path)) {}
  Path path_;
};

}  // namespace

Result<attest::Collateral> load_collateral_folder(const Path& folder) {
  for (int reading = 0; reading < kReadings; ++reading) {
    const Identity before = TRY(identify(folder));
    auto collateral = load_once(folder);
    // A folder that was replaced loses its files under our hands; what we have of it may be half.
    if (TRY(identify(folder)) == before) return collateral;
  }
  return unavailable(folder.string(), " is replaced again and again while it is read");
}

Result<void> store_collateral_folder(const Path& written, const attest::Collateral& collateral) {
  Path folder = written.lexically_normal();
  if (!folder.has_filename()) folder = folder.parent_path();
  const auto standing = identify(folder);
  if (standing) {
    TRY(check_replaceable(folder));
  } else if (standing.error().code != ErrorCode::NotFound) {
    return standing.error();
  }
  NewFolder made = TRY(NewFolder::create(folder));
  for (const CollateralField& field : collateral_fields()) {
    const Bytes& bytes = collateral.*field.bytes;
    if (!bytes.empty()) TRY(store_file(made.path() / field.file, bytes));
  }
  return made.become(folder);
}

}  // namespace torchkeep::channel
