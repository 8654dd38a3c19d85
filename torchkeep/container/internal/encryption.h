#pragma once

#include <functional>

#include "torchkeep/container/writer.h"

/// Encryption without the file: what `write_container` does between opening and naming one.
namespace torchkeep::container {

/// Takes the next bytes of a container.
using ByteSink = std::function<Result<void>(ByteView bytes)>;

/// Gives the container's bytes to `sink` from front to back, one call at a time, from any thread of
/// the pool. `header` is one that `check_header` passes. Errors: those of `payload` and `sink`.
Result<ContainerDigest> encrypt_container(const Header& header, const crypto::DataKey& data_key,
                                          crypto::Random& random, ThreadPool& pool,
                                          const PayloadReader& payload, const Progress& progress,
                                          const ByteSink& sink);

}  // namespace torchkeep::container
