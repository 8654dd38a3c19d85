#pragma once

#include "torchkeep/attest/claims.h"
#include "torchkeep/base/file.h"
#include "torchkeep/crypto/ecdsa.h"

/// The signed description that lies beside a program, PROGRAM.sigstruct: what SGX keeps in
/// SIGSTRUCT. docs/formats/simtee.md has the grammar.
namespace torchkeep::simtee {

inline constexpr std::size_t kSigstructBytes = 192;

/// MRENCLAVE of a program: SHA-256 over a label and the executable's bytes. As on SGX the
/// attributes, the debug flag among them, are no part of it; they stand beside it in every report.
/// Errors: as `FileSource`.
Result<Digest256> measure_file(const Path& program);

/// The enclave that a program becomes: initialised, 64 bit, x87 and SSE state. `mr_signer` is the
/// signer's business.
attest::SgxEnclave describe(const Digest256& mr_enclave, std::uint16_t isv_prod_id,
                            std::uint16_t isv_svn, bool debug);

/// Signs the description of `enclave`, whose `mr_signer` is not looked at: the key decides it.
Bytes make_sigstruct(const attest::SgxEnclave& enclave, const crypto::EcdsaPrivateKey& signer);
/// The enclave that a description is about, `mr_signer` included: SHA-256 of the key (x || y).
/// Errors: Malformed; Untrusted if the signature does not hold, or the attributes are none that
/// this machine gives to an enclave.
Result<attest::SgxEnclave> verify_sigstruct(ByteView bytes);

/// "PROGRAM.sigstruct".
Path sigstruct_of(const Path& program);
/// Errors: as `load_file` and `verify_sigstruct`; NotFound says how to sign the program.
Result<attest::SgxEnclave> load_sigstruct(const Path& program);

/// Errors: Untrusted if `described` is about other bytes than those measured.
Result<void> check_measured(const Path& program, const Digest256& measured,
                            const attest::SgxEnclave& described);

}  // namespace torchkeep::simtee
