#include "torchkeep/base/check.h"

#include "tests/support/fake_owner.h"

// Bodies of statements, each signed afresh by the owner, since a parser behind a signature sees
// what its owner's own tools may have written: no input crashes, and a chain that takes one in
// verifies.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace torchkeep;
  static const crypto::Ed25519PrivateKey key = testing::fake_owner_key(1);
  static const keys::ModelChain one_version =
      keys::ModelChain::verify(
          testing::FakeOwner::with_one_version(testing::fake_policy()).statements())
          .value();
  keys::SignedStatement statement;
  statement.body = Bytes(data, data + size);
  Bytes message = to_bytes(as_bytes("torchkeep/statement/v1"));
  message.push_back(0);
  append(message, statement.body);
  statement.signature = key.sign(message);

  (void)keys::ModelChain::verify({statement});
  keys::ModelChain chain = one_version;
  if (chain.append(statement)) {
    TORCHKEEP_CHECK(chain.next_sequence() == one_version.next_sequence() + 1);
    TORCHKEEP_CHECK(keys::ModelChain::verify(chain.statements()).ok());
  }
  return 0;
}
