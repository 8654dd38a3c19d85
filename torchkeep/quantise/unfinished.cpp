#include "torchkeep/quantise/unfinished.h"

#include <cerrno>
#include <cstring>
#include <filesystem>

#include <stdlib.h>

#include "torchkeep/base/text.h"

namespace torchkeep::quantise {
namespace {

Result<void> move_file(const Path& from, const Path& to) {
  std::error_code failure;
  std::filesystem::rename(from, to, failure);
  if (failure) return unavailable("cannot give ", to.native(), " its name: ", failure.message());
  return {};
}

}  // namespace

Result<Unfinished> Unfinished::beside(const Path& output) {
  std::string folder = output.native() + ".unfinished.XXXXXX";
  if (::mkdtemp(folder.data()) == nullptr) {
    const int cause = errno;
    const std::string words =
        text("cannot make a folder beside ", output.native(), ": ", std::strerror(cause));
    return cause == ENOENT ? not_found(words) : unavailable(words);
  }
  return Unfinished(folder);
}

Unfinished::~Unfinished() {
  std::error_code ignored;  // nothing more can be done about it
  if (!folder_.empty()) std::filesystem::remove_all(folder_, ignored);
}

Result<void> Unfinished::take_place(const Path& data, const Path& output) const {
  if (!data.empty()) {
    std::error_code failure;
    std::filesystem::remove(output, failure);
    if (failure) return unavailable("cannot replace ", output.native(), ": ", failure.message());
    TRY(move_file(data, output.parent_path() / data.filename()));
  }
  return move_file(file_for(output), output);
}

}  // namespace torchkeep::quantise
