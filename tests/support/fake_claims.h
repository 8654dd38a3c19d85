#pragma once

#include "torchkeep/attest/verify.h"

#include "tests/support/fake_platform.h"

namespace torchkeep::testing {

/// What verified evidence says of `enclave` on `machine`: a real quote, really verified.
inline attest::Claims fake_claims(const simulator::Machine& machine,
                                  const attest::SgxEnclave& enclave, TimePoint now) {
  const Bytes quote = machine.make_quote(enclave, {});
  const std::vector<attest::RootKey> roots = {machine.root_key()};
  return attest::verify_quote(quote, machine.collateral(now), roots, now).value();
}

}  // namespace torchkeep::testing
