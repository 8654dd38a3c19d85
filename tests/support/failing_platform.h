#pragma once

#include "torchkeep/tee/platform.h"

namespace torchkeep::testing {

/// A machine that does not answer.
class FailingPlatform final : public tee::Platform {
 public:
  tee::PlatformKind kind() const override { return tee::PlatformKind::Simulated; }
  Result<Bytes> make_evidence(const tee::ReportData&) override { return away(); }
  Result<SecretBytes> sealing_key(std::string_view) override { return away(); }

 private:
  static Error away() { return {ErrorCode::Unavailable, "the platform does not answer"}; }
};

}  // namespace torchkeep::testing
