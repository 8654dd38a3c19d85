#pragma once

#include <string>

#include "torchkeep/base/clock.h"
#include "torchkeep/base/result.h"

/// Why a model is not served, and what follows from that.
namespace torchkeep::worker {

/// Where a model's life came to its end.
enum class Stage {
  Config,     ///< config.json
  Key,        ///< Asking for its key.
  Container,  ///< Reading model.tkm.
  Lease,      ///< Its lease ended, or its renewal was refused.
  Removed,    ///< Its files are gone, or the worker ends.
};

/// A word or two for clients, who learn nothing of the container and nothing of the peers asked.
std::string client_words(Stage stage, ErrorCode code);

/// When to try again after so many failures in a row before this one. Nullopt: only when the files
/// change, since the same bytes will not become better. A peer that could not be trusted is asked
/// again, but seldom: the next one at that address may be the right one.
std::optional<Duration> retry_after(Stage stage, ErrorCode code, unsigned failures);

/// 1, 2, 4, ... seconds, at most half a minute.
Duration back_off(unsigned failures);

}  // namespace torchkeep::worker
