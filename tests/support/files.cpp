#include "tests/support/files.h"

#include <algorithm>
#include <cstdlib>
#include <iostream>

#include "torchkeep/base/encoding.h"

namespace torchkeep::testing {

TemporaryFolder::TemporaryFolder() {
  std::string pattern = (std::filesystem::temp_directory_path() / "torchkeep-test-XXXXXX").string();
  TORCHKEEP_CHECK(mkdtemp(pattern.data()) != nullptr);
  path_ = pattern;
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;  // A test that removed its folder itself is fine.
  std::filesystem::remove_all(path_, ignored);
}

Bytes load_vector(std::string_view path) {
  const Path full = Path(TORCHKEEP_TESTS_FOLDER) / path;
  Result<Bytes> bytes = load_file(full, std::size_t{64} << 20);
  if (!bytes) {
    std::cerr << bytes.error() << '\n';
    std::abort();
  }
  return std::move(bytes).value();
}

Bytes load_hex_vector(std::string_view path) {
  std::string text = to_string(load_vector(path));
  std::erase_if(text, [](char c) { return c == '\n' || c == '\r' || c == ' '; });
  return decode_hex(text).value();
}

}  // namespace torchkeep::testing
