#pragma once

#include "torchkeep/attest/verify.h"

/// Judging the evidence of AMD's SEV-SNP guests: pure functions of bytes, certificates, roots and a
/// time. The chain is of a fixed shape:
///   VCEK or VLEK (ECDSA P-384) <- ASK or ASVK <- ARK (RSA-PSS with SHA-384)
/// No policy can name a guest yet: these verdicts are for people.
/// Source: AMD SEV-SNP Firmware ABI (56860); VCEK Certificate and KDS Interface (57230).
namespace torchkeep::attest {

/// What AMD signed for one machine, exactly as received: DER or PEM, one certificate each.
struct SnpEndorsements {
  Bytes leaf;  ///< VCEK or VLEK.
  Bytes ask;   ///< Of a VLEK: the ASVK.
  Bytes ark;
  Bytes crl = {};  ///< The ARK's list; empty if none was fetched.
};

/// SHA-256 of the SubjectPublicKeyInfo of ARK-Milan, the root of EPYC 7003.
const Digest256& amd_milan_root();

/// Judges a report under one of the given roots. There is no TCB status: AMD publishes none. That
/// the host may debug the guest is a claim, not an error.
Judgement judge_snp_report(ByteView report, const SnpEndorsements& endorsements,
                           std::span<const Digest256> ark_key_hashes, TimePoint now);

}  // namespace torchkeep::attest
