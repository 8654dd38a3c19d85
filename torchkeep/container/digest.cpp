#include "torchkeep/container/digest.h"

#include <array>

#include "torchkeep/crypto/digest.h"

namespace torchkeep::container {
namespace {

constexpr std::array<std::uint8_t, 1> kLeaf = {0};
constexpr std::array<std::uint8_t, 1> kNode = {1};

Digest256 hash_node(const Digest256& left, const Digest256& right) {
  crypto::Sha256 hash;
  hash.update(kNode).update(left).update(right);
  return std::move(hash).finish();
}

}  // namespace

Digest256 hash_leaf(ByteView bytes) {
  crypto::Sha256 hash;
  hash.update(kLeaf).update(bytes);
  return std::move(hash).finish();
}

void DigestTree::append(const Digest256& leaf) {
  Digest256 subtree = leaf;
  // As adding one to a binary number: equal subtrees merge and carry.
  for (std::uint64_t carry = count_; (carry & 1) != 0; carry >>= 1) {
    subtree = hash_node(subtrees_.back(), subtree);
    subtrees_.pop_back();
  }
  subtrees_.push_back(subtree);
  ++count_;
}

ContainerDigest DigestTree::root() const {
  if (subtrees_.empty()) return {crypto::sha256({})};
  Digest256 root = subtrees_.back();
  for (std::size_t i = subtrees_.size() - 1; i > 0; --i) root = hash_node(subtrees_[i - 1], root);
  return {root};
}

}  // namespace torchkeep::container
