#include "torchkeep/worker/repository.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <tuple>

#include <sys/stat.h>

#include "torchkeep/base/text.h"
#include "torchkeep/keys/identity.h"

namespace torchkeep::worker {
namespace {

constexpr std::string_view kContainerName = "model.tkm";
constexpr std::string_view kConfigName = "config.json";

enum class Kind { Folder, File, Link, Other };

struct Entry {
  Path path;
  Kind kind = Kind::Other;
  FileMark mark;
  std::string name() const { return path.filename().string(); }
};

std::optional<Entry> find_entry(const Path& path) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0) return std::nullopt;  // It went away meanwhile.
  Entry entry{path, Kind::Other, {}};
  if (S_ISDIR(status.st_mode)) entry.kind = Kind::Folder;
  if (S_ISREG(status.st_mode)) entry.kind = Kind::File;
  if (S_ISLNK(status.st_mode)) entry.kind = Kind::Link;
  entry.mark.bytes = static_cast<std::uint64_t>(status.st_size);
  entry.mark.inode = status.st_ino;
  entry.mark.modified_ns =
      std::int64_t{status.st_mtim.tv_sec} * 1'000'000'000 + status.st_mtim.tv_nsec;
  return entry;
}

Result<std::vector<Entry>> list(const Path& folder) {
  std::error_code failure;
  std::filesystem::directory_iterator place(folder, failure);
  std::vector<Entry> entries;
  for (; !failure && place != std::filesystem::directory_iterator(); place.increment(failure)) {
    if (auto entry = find_entry(place->path())) entries.push_back(std::move(*entry));
  }
  if (failure == std::errc::no_such_file_or_directory)
    return not_found(folder.string(), " is not there");
  if (failure == std::errc::not_a_directory)
    return invalid_argument(folder.string(), " is no folder");
  if (failure) return unavailable("reading ", folder.string(), ": ", failure.message());
  return entries;
}

std::optional<std::uint64_t> parse_version(std::string_view name) {
  std::uint64_t version = 0;
  const auto [end, failure] = std::from_chars(name.data(), name.data() + name.size(), version);
  if (failure != std::errc() || end != name.data() + name.size()) return std::nullopt;
  if (version == 0 || name.front() == '0') return std::nullopt;
  return version;
}

class Scan {
 public:
  explicit Scan(RepositoryScan& out) : out_(out) {}

  void model(const Entry& entry) {
    if (entry.kind != Kind::Folder) return ignore(entry, "is no folder of a model");
    if (const auto named = keys::check_model_name(entry.name()); !named) {
      return ignore(entry, named.error().message);
    }
    const auto versions = list(entry.path);
    if (!versions) return ignore(entry, versions.error().message);
    for (const Entry& version : *versions) this->version(entry.name(), version);
  }

 private:
  void version(const std::string& name, const Entry& entry) {
    const auto number = parse_version(entry.name());
    if (!number) return ignore(entry, "is no version: 1, 2, ... without a zero in front");
    if (entry.kind != Kind::Folder) return ignore(entry, "is no folder of a version");
    const auto files = list(entry.path);
    if (!files) return ignore(entry, files.error().message);
    ModelPlace place{name, *number, {}, {}, {}, {}};
    for (const Entry& file : *files) {
      const bool container = file.name() == kContainerName;
      if (!container && file.name() != kConfigName) {
        ignore(file, "is neither model.tkm nor config.json");
      } else if (file.kind != Kind::File) {
        // A model without the limits that its operator meant it to have is not served either.
        return ignore(file, file.kind == Kind::Link ? "is a symbolic link" : "is no regular file");
      } else {
        (container ? place.container : place.config) = file.path;
        (container ? place.container_mark : place.config_mark) = file.mark;
      }
    }
    if (place.container.empty()) return ignore(entry, "holds no model.tkm");
    out_.models.push_back(std::move(place));
  }

  void ignore(const Entry& entry, std::string_view why) {
    out_.ignored.push_back(text(entry.path.string(), ": ", why));
  }

  RepositoryScan& out_;
};

}  // namespace

std::string describe(const ModelPlace& place) {
  return text(place.name, " version ", place.version);
}

Result<RepositoryScan> scan_repository(const Path& folder) {
  RepositoryScan out;
  Scan scan(out);
  for (const Entry& entry : TRY(list(folder))) scan.model(entry);
  std::ranges::sort(out.models, {},
                    [](const ModelPlace& place) { return std::tie(place.name, place.version); });
  std::ranges::sort(out.ignored);
  return out;
}

}  // namespace torchkeep::worker
