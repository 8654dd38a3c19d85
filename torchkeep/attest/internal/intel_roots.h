#pragma once

#include <vector>

#include "torchkeep/crypto/x509.h"

/// Both certificates of Intel's SGX root, byte by byte. They need not be parsed again where they
/// are served, nor does their own signature have to vouch for them; whether their key is a root at
/// all is for the verifier's caller to say.
namespace torchkeep::attest {

const std::vector<crypto::Certificate>& intel_root_certificates();
bool is_intel_root(const crypto::Certificate& certificate);

}  // namespace torchkeep::attest
