#pragma once

#include "torchkeep/base/file.h"

/// The host's wishes for one model, config.json beside its container: limits, and nothing that
/// could weaken the owner's policy. Grammar: docs/formats/inference-api.md, "config.json".
namespace torchkeep::worker {

inline constexpr std::size_t kMaxConfigBytes = 64 * 1024;

struct ModelConfig {
  std::size_t max_queue = 64;  ///< Requests that may wait for their turn, the running one included.
  std::uint64_t max_request_bytes = std::uint64_t{64} << 20;
  std::uint64_t max_activation_bytes = std::uint64_t{4} << 30;  ///< Memory of one run.
  std::uint64_t max_run_seconds = 300;                          ///< Time of one run.
  std::size_t max_sequences = 64;                               ///< Whose state is kept at a time.
  std::uint64_t max_sequence_bytes = std::uint64_t{1} << 30;    ///< State of all of them together.
  std::uint64_t sequence_idle_seconds = 300;  ///< After which one that nobody asks for is wiped.
};

/// Errors: Malformed, naming the field; unknown ones too.
Result<ModelConfig> parse_model_config(std::string_view text);
/// The defaults if `path` is empty. Errors: also NotFound, Unavailable.
Result<ModelConfig> load_model_config(const Path& path);

}  // namespace torchkeep::worker
