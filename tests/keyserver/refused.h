#pragma once

#include <string_view>

#include <gtest/gtest.h>

#include "torchkeep/base/result.h"

namespace torchkeep::keyserver {

/// Holds if `result` failed with this code and says `part`.
template <typename T>
::testing::AssertionResult refused(const Result<T>& result, ErrorCode code, std::string_view part) {
  if (result) return ::testing::AssertionFailure() << "it was accepted";
  const Error& error = result.error();
  if (error.code == code && error.message.find(part) != std::string::npos) {
    return ::testing::AssertionSuccess();
  }
  return ::testing::AssertionFailure()
         << error << " is not " << name_of(code) << " with \"" << part << "\"";
}

}  // namespace torchkeep::keyserver
