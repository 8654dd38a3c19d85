#pragma once

#include "torchkeep/client/owner.h"
#include "torchkeep/client/recovery_file.h"
#include "torchkeep/container/writer.h"
#include "torchkeep/runtime/pack.h"
#include "torchkeep/runtime/tensor.h"

/// From a model in clear to its container and the owner's recovery file.
namespace torchkeep::desk {

/// What the owner asked for.
struct ProtectOrder {
  std::string name;  ///< Of the model.
  std::uint64_t version = 1;
  Path container;  ///< The recovery file stands beside it: recovery_path.
  bool replace =
      false;  ///< An existing container; the key of the old one is kept under another name.
};

/// Beside the container: NAME.tkm.recovery.
Path recovery_path(const Path& container);

/// The recovery file of the container at `container`: the one beside it, or, where a replacement
/// was interrupted before its container appeared, the one kept under its key's name.
/// Errors: as `container::load_header` and `client::load_recovery`; NotFound, naming the key.
Result<client::Recovery> find_recovery(const Path& container);

/// Whether the order can be carried out. Errors: InvalidArgument, with the way out.
Result<void> check_order(const ProtectOrder& order);

/// A model that this release's engine can run.
struct CheckedModel {
  runtime::PackedOnnx payload;
  std::vector<runtime::Port> inputs;
  std::vector<runtime::Port> outputs;
};

/// Loads the model as a worker would, and drops it. Errors: NotFound, Unavailable; Malformed,
/// naming the operator and the node that the engine cannot run.
Result<CheckedModel> check_model(const Path& onnx);

/// Names, types and shapes as a container's public signature. Errors: InvalidArgument for a name
/// that is no UTF-8.
Result<std::string> encode_signature(const CheckedModel& model);

struct Protected {
  container::Header header;
  ContainerDigest digest;
  Path recovery;
};

/// What goes into a container.
struct Contents {
  std::uint64_t bytes = 0;
  container::PayloadReader read;
  std::string signature;  ///< Empty: not published.
  std::string_view kind = container::kPayloadOnnx;
};

/// Encrypts under a new DEK. The recovery file is on the disk before the container appears, so that
/// no container exists whose key does not; after a failure neither is there.
/// Errors: InvalidArgument; Unavailable (disk full and the like); whatever reading fails with.
Result<Protected> protect(const client::Owner& owner, const ProtectOrder& order,
                          const Contents& contents, const Clock& clock, crypto::Random& random,
                          ThreadPool& pool, const container::Progress& progress = {});

}  // namespace torchkeep::desk
