#pragma once

#include <functional>

#include "torchkeep/base/file.h"
#include "torchkeep/base/thread_pool.h"
#include "torchkeep/container/header.h"
#include "torchkeep/crypto/key.h"

namespace torchkeep::container {

/// Fills all of `out` with the next bytes of the payload, or fails. Called from any thread of the
/// pool, one call at a time; must not use the pool.
using PayloadReader = std::function<Result<void>(MutableByteView out)>;
/// Told how many more payload bytes are done; called as the payload's reader is.
using Progress = std::function<void(std::uint64_t bytes)>;
/// Told the digest when all is written and the file is about to appear; if it fails, it does not.
using BeforeAppearing = std::function<Result<void>(const ContainerDigest& digest)>;

/// Encrypts `header.payload_bytes` bytes from `payload` into a new file at `path`, on all threads
/// of `pool`, and returns the container digest for the owner to sign. Memory use does not grow with
/// the payload. The file appears whole, at the end, or not at all.
/// Each container must have a DEK of its own.
/// Errors: InvalidArgument (header); NotFound (no such folder); Unavailable (disk full and the
/// like); whatever `payload` or `before_appearing` fails with.
Result<ContainerDigest> write_container(const Path& path, const Header& header,
                                        const crypto::DataKey& data_key, crypto::Random& random,
                                        ThreadPool& pool, const PayloadReader& payload,
                                        const Progress& progress = {},
                                        const BeforeAppearing& before_appearing = {});

}  // namespace torchkeep::container
