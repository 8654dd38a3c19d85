#pragma once

#include <string>

#include "torchkeep/base/file.h"

namespace torchkeep::testing {

/// A new empty folder that is removed with all that is in it.
class TemporaryFolder {
 public:
  TemporaryFolder();
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  const Path& path() const { return path_; }
  Path operator/(std::string_view name) const { return path_ / name; }

 private:
  Path path_;
};

/// The bytes of a file below tests/, for example "container/vectors/floe/x.txt"; ends the test
/// program if it is not there.
Bytes load_vector(std::string_view path);
/// The same of a text file that holds hex digits.
Bytes load_hex_vector(std::string_view path);

}  // namespace torchkeep::testing
