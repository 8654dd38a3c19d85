#pragma once

#include <vector>

#include "torchkeep/base/bytes.h"
#include "torchkeep/base/ids.h"

/// The container digest: a Merkle tree hash as in RFC 6962, section 2.1, whose leaf 0 is everything
/// before the first segment and whose other leaves are the segments as stored. Leaves can be hashed
/// on any thread; the owner signs the root. Grammar: docs/formats/model-container.md, "Digest".
namespace torchkeep::container {

/// SHA-256(0x00 || bytes).
Digest256 hash_leaf(ByteView bytes);

/// Takes leaves in order; its memory is one digest for each bit of their count. A value.
class DigestTree {
 public:
  void append(const Digest256& leaf);
  /// Of all leaves so far; SHA-256 of nothing if there are none.
  ContainerDigest root() const;

 private:
  // Roots of full subtrees, largest first: one for each bit set in count_.
  std::vector<Digest256> subtrees_;
  std::uint64_t count_ = 0;
};

}  // namespace torchkeep::container
