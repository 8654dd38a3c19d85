#pragma once

#include "torchkeep/base/file.h"
#include "torchkeep/tee/platform.h"

/// An SGX enclave under Gramine, which offers its attestation as files.
/// Source: Gramine documentation, "Attestation and Secret Provisioning".
namespace torchkeep::tee {

/// `folder` is "/dev/attestation"; tests hand in their own.
/// Errors: Unavailable if this is no enclave, or one whose manifest forgets DCAP attestation.
Result<std::unique_ptr<Platform>> open_sgx_platform(const Path& folder);

}  // namespace torchkeep::tee
