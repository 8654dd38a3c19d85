#pragma once

#include <string>
#include <vector>

#include "torchkeep/base/file.h"

/// The folder of models that our host keeps for us: REPOSITORY/NAME/VERSION/model.tkm, with an
/// optional config.json beside it. Its names and dates are the host's to forge: what a model is,
/// its container says.
namespace torchkeep::worker {

/// What the host says of a file, to notice that it was replaced. In the SGX LibOS there are no
/// dates and no inodes: a new size is noticed there, and a file that went away and came back.
struct FileMark {
  std::uint64_t bytes = 0;
  std::uint64_t inode = 0;
  std::int64_t modified_ns = 0;
  bool operator==(const FileMark&) const = default;
};

/// One version of one model, as found.
struct ModelPlace {
  std::string name;
  std::uint64_t version = 0;
  Path container;
  Path config;  ///< Empty if there is none.
  FileMark container_mark;
  FileMark config_mark;
  bool operator==(const ModelPlace&) const = default;
};

/// `fashion version 1`, as log lines name it.
std::string describe(const ModelPlace& place);

struct RepositoryScan {
  std::vector<ModelPlace> models;    ///< By name, then version.
  std::vector<std::string> ignored;  ///< Path and reason of whatever is no model's.
};

/// Looks at the folder once. Symbolic links are not followed, so that what is served is what stands
/// in the folder. Errors: NotFound, Unavailable, InvalidArgument if it is no folder that can be
/// read.
Result<RepositoryScan> scan_repository(const Path& folder);

}  // namespace torchkeep::worker
