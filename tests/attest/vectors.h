#pragma once

#include <optional>
#include <string>
#include <vector>

#include "torchkeep/attest/collateral.h"
#include "torchkeep/base/clock.h"
#include "torchkeep/json/json.h"

/// The evidence of real machines in tests/attest/vectors/dcap; its README tells about each folder.
namespace torchkeep::attest::testing {

struct Vector {
  std::string name;
  json::Json manifest;
  Bytes quote;
  Collateral collateral;  ///< What the folder does not have is empty.
};

Vector load_dcap_vector(const std::string& name);
/// A file of a folder of vectors; empty if it is not there.
Bytes load_dcap_file(const std::string& folder, const std::string& file);
/// The folders with a manifest, sorted.
std::vector<std::string> dcap_vector_names();
inline std::string text_at(const json::Json& object, const char* field) {
  return object.at(field).get<std::string>();
}

}  // namespace torchkeep::attest::testing
