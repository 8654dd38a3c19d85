#include "torchkeep/worker/stop_reason.h"

#include <algorithm>

namespace torchkeep::worker {

using namespace std::chrono_literals;

std::string client_words(Stage stage, ErrorCode code) {
  switch (stage) {
    case Stage::Config: return "its config.json is not valid";
    case Stage::Removed: return "it was removed";
    case Stage::Container: {
      if (code == ErrorCode::Unavailable) return "its container cannot be read now";
      if (code == ErrorCode::Untrusted) return "its container is not the one that its owner signed";
      if (code == ErrorCode::Denied)
        return "its owner's policy does not allow that single operators are called";
      return "its container cannot be used";
    }
    case Stage::Key:
    case Stage::Lease: break;
  }
  switch (code) {
    case ErrorCode::Denied: return "revoked by its owner, or refused by its owner's policy";
    case ErrorCode::NotFound: return "its owner has not registered it";
    case ErrorCode::Untrusted: return "its key source could not be trusted";
    default: return stage == Stage::Key ? "its key is not to be had now" : "its lease has ended";
  }
}

Duration back_off(unsigned failures) {
  return std::min<Duration>(1s * (1 << std::min(failures, 5U)), 30s);
}

std::optional<Duration> retry_after(Stage stage, ErrorCode code, unsigned failures) {
  if (stage == Stage::Config || stage == Stage::Removed) return std::nullopt;
  // The owner's policy may come to allow what it does not; the same bytes become no better.
  if (stage == Stage::Container && code != ErrorCode::Unavailable && code != ErrorCode::Denied)
    return std::nullopt;
  if (code == ErrorCode::Untrusted) return 60s;
  return back_off(failures);
}

}  // namespace torchkeep::worker
