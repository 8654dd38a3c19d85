#pragma once

#include "torchkeep/attest/collateral.h"
#include "torchkeep/base/file.h"

/// Collateral as a folder of files, for machines without a network: tcb_info.json,
/// tcb_info_issuer_chain.pem, qe_identity.json, qe_identity_issuer_chain.pem, pck_crl.der,
/// pck_crl_issuer_chain.pem, root_ca_crl.der and, where a quote does not hold it, pck_chain.pem.
/// Nothing that is read is trusted yet. Grammar: docs/formats/collateral.md.
namespace torchkeep::channel {

/// No document of any issuer comes near this size.
inline constexpr std::size_t kMaxCollateralBytes = std::size_t{1} << 20;

/// The documents in `folder`, each exactly as its file holds it; one without a file is empty. A
/// folder that is replaced meanwhile is read as it was or as it has become, never as a mix.
/// Errors: NotFound if there is no such folder; Malformed for a file above kMaxCollateralBytes;
/// InvalidArgument if a name is no plain file; Unavailable.
Result<attest::Collateral> load_collateral_folder(const Path& folder);

/// Writes every document that is not empty. The folder appears, or takes the place of the one that
/// stood there, as a whole.
/// Errors: InvalidArgument if something is there that is no collateral folder; Unavailable.
Result<void> store_collateral_folder(const Path& folder, const attest::Collateral& collateral);

}  // namespace torchkeep::channel
