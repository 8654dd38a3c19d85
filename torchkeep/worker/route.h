#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "torchkeep/base/result.h"

namespace torchkeep::worker {

enum class Call {
  Health,
  ServerMetadata,
  ServerLive,
  ServerReady,
  ModelMetadata,
  ModelReady,
  Infer,
  RepositoryIndex,
  RepositoryChange,  ///< Load or unload, which this server leaves to the repository folder.
};

/// What a request asks for, by its path.
struct Route {
  Call call = Call::Health;
  std::string_view method;  ///< The one that it takes.
  std::string model;        ///< Decoded; not yet checked.
  std::optional<std::uint64_t> version;
  std::optional<std::string> operator_name;  ///< Of Infer: the one that is called; decoded.
};

/// Errors: NotFound for a path that is none of ours; Malformed for one that cannot be decoded.
Result<Route> parse_route(std::string_view target);

}  // namespace torchkeep::worker
