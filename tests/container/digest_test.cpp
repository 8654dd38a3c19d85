#include "torchkeep/container/digest.h"

#include <gtest/gtest.h>

#include "torchkeep/base/encoding.h"
#include "torchkeep/crypto/digest.h"

namespace torchkeep::container {
namespace {

constexpr std::string_view kInputs[] = {"",
                                        "00",
                                        "10",
                                        "2021",
                                        "3031",
                                        "40414243",
                                        "5051525354555657",
                                        "606162636465666768696a6b6c6d6e6f"};
constexpr std::string_view kRoots[] = {
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"};

TEST(DigestTree, FollowsTheKnownAnswersOfCertificateTransparency) {
  DigestTree tree;
  EXPECT_EQ(tree.root().hex(), kRoots[0]);
  for (std::size_t i = 0; i < std::size(kInputs); ++i) {
    tree.append(hash_leaf(decode_hex(kInputs[i]).value()));
    EXPECT_EQ(tree.root().hex(), kRoots[i + 1]) << i;
  }
}

// RFC 6962, section 2.1, word for word.
Digest256 tree_hash(std::span<const Digest256> leaves) {
  if (leaves.size() == 1) return leaves[0];
  std::size_t split = 1;
  while (split * 2 < leaves.size()) split *= 2;
  Bytes node = {1};
  append(node, tree_hash(leaves.first(split)));
  append(node, tree_hash(leaves.subspan(split)));
  return crypto::sha256(node);
}

TEST(DigestTree, AgreesWithTheDefinitionAtEverySize) {
  DigestTree tree;
  std::vector<Digest256> leaves;
  for (std::uint8_t i = 0; i < 130; ++i) {
    leaves.push_back(hash_leaf(Bytes{i}));
    tree.append(leaves.back());
    EXPECT_EQ(tree.root().bytes, tree_hash(leaves)) << leaves.size();
  }
}

}  // namespace
}  // namespace torchkeep::container
