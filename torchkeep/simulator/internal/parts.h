#pragma once

#include <string>
#include <vector>

#include "torchkeep/attest/collateral.h"
#include "torchkeep/crypto/random.h"
#include "torchkeep/crypto/x509.h"
#include "torchkeep/simulator/machine.h"

/// What a simulated machine and the services around it are made of.
namespace torchkeep::simulator {

/// A key and the certificate that says whose it is.
struct Identity {
  crypto::EcdsaPrivateKey key;
  crypto::Certificate certificate;
};

/// *Immutable.*
struct Parts {
  Identity root;
  Identity platform_ca;
  Identity tcb_signing;
  Identity pck;                             ///< The machine's provisioning certification key.
  crypto::EcdsaPrivateKey attestation_key;  ///< The quoting enclave's.
  ByteArray<16> qe_id{};
  SecretBytes fuses;  ///< 32 bytes that the CPU was born with.
};

struct Machine::State {
  Parts parts;
  Condition condition = Condition::Good;
};

// What the machine is: names, SVNs and ids that certificates, TCB info and reports have in common.
inline constexpr ByteArray<6> kFmspc{0x00, 'S', 'I', 'M', 0x00, 0x01};
inline constexpr ByteArray<2> kPceId{0, 0};
inline constexpr ByteArray<16> kComponentSvns{7, 7, 2, 2, 3, 1, 0, 7};
inline constexpr std::uint16_t kPceSvn = 13;
inline constexpr ByteArray<16> kCpuSvn = kComponentSvns;
inline constexpr std::uint16_t kQeSvn = 8;
inline constexpr std::uint16_t kQeProduct = 1;
inline constexpr ByteArray<16> kQeAttributes{0x15, 0, 0, 0,   0,
                                             0,    0, 0, 0xe7};  // INIT, 64 bit, PROVISIONKEY
inline constexpr ByteArray<16> kQeMaskedAttributes{0x11};        // without the 64-bit flag and XFRM
inline constexpr std::uint64_t kTcbEvaluationDataNumber = 17;
Digest256 qe_signer();

/// Root CA, PCK Platform CA, PCK certificate with its SGX extension, TCB signing certificate.
Parts make_parts(crypto::Random& random, TimePoint now);

/// The times that a document states.
struct Validity {
  TimePoint issued;
  TimePoint next_update;
};
/// {"tcbInfo":{...},"signature":"hex"}, version 3; signed by the TCB signing key over the exact
/// bytes.
Bytes make_tcb_info(const Parts& parts, Condition condition, const Validity& validity);
/// {"enclaveIdentity":{...},"signature":"hex"}, version 2.
Bytes make_qe_identity(const Parts& parts, const Validity& validity);

}  // namespace torchkeep::simulator
