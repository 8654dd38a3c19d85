#include "torchkeep/attest/internal/snp_chain.h"

#include <algorithm>
#include <array>

#include "torchkeep/attest/internal/chains.h"
#include "torchkeep/base/encoding.h"
#include "torchkeep/base/text.h"
#include "torchkeep/crypto/digest.h"

namespace torchkeep::attest {
namespace {

constexpr std::string_view kArkCrlName = "ARK CRL";
constexpr std::array kProducts = {SnpProduct::Milan, SnpProduct::Genoa, SnpProduct::Turin};

Result<crypto::Certificate> parse_one(ByteView bytes, std::string_view name) {
  if (bytes.empty()) return malformed(name, ": the certificate is missing");
  if (bytes[0] != '-') return crypto::Certificate::from_der(bytes).context(name);
  const auto chain = TRY(crypto::parse_pem_chain(bytes).context(name));
  if (chain.size() != 1) {
    return malformed(name, ": found ", chain.size(), " certificates, wanted 1");
  }
  return chain[0];
}

Result<void> check_name(const crypto::Certificate& certificate, std::string_view wanted) {
  if (certificate.common_name() == wanted) return {};
  return untrusted("certificate name: found \"", certificate.common_name(), "\", wanted \"", wanted,
                   '"');
}

Result<void> verify_issued(const crypto::Certificate& certificate,
                           const crypto::Certificate& issuer) {
  if (certificate.has_unknown_critical_extension()) {
    return untrusted("certificate \"", certificate.common_name(),
                     "\" has a critical extension that this version does not know");
  }
  if (!certificate.is_signed_with_rsa_pss()) {
    return untrusted("certificate \"", certificate.common_name(),
                     "\" is not signed with RSA-PSS and SHA-384, as AMD signs");
  }
  return certificate.verify_issued_by(issuer);
}

Result<void> check_ca(const crypto::Certificate& certificate) {
  if (certificate.is_ca()) return {};
  return untrusted("certificate \"", certificate.common_name(), "\" is not one of a CA");
}

Result<void> verify_ark(SnpChain& chain, std::span<const Digest256> ark_key_hashes) {
  const Digest256 hash = crypto::sha256(chain.ark.public_key_info());
  if (std::find(ark_key_hashes.begin(), ark_key_hashes.end(), hash) == ark_key_hashes.end()) {
    return untrusted("root key: found one with SHA-256 ", encode_hex(hash),
                     ", which is none of the ", ark_key_hashes.size(), " accepted roots");
  }
  const std::string name = chain.ark.common_name();
  const auto product = std::find_if(kProducts.begin(), kProducts.end(), [&](SnpProduct candidate) {
    return name == text("ARK-", name_of(candidate));
  });
  if (product == kProducts.end()) {
    return untrusted("certificate name: found \"", name,
                     "\", wanted that of an ARK: ARK-Milan, "
                     "ARK-Genoa or ARK-Turin");
  }
  chain.product = *product;
  TRY(check_ca(chain.ark));
  return verify_issued(chain.ark, chain.ark);
}

Result<void> verify_ask(SnpChain& chain) {
  const std::string name = chain.ask.common_name();
  const std::string_view product = name_of(chain.product);
  if (name == text("SEV-", product)) {
    chain.signer = SnpSigner::Vcek;
  } else if (name == text("SEV-VLEK-", product)) {
    chain.signer = SnpSigner::Vlek;
  } else {
    return untrusted("certificate name: found \"", name, "\", wanted \"SEV-", product,
                     "\" (ASK) or \"SEV-VLEK-", product, "\" (ASVK)");
  }
  TRY(check_ca(chain.ask));
  return verify_issued(chain.ask, chain.ark);
}

Result<void> verify_leaf(SnpChain& chain) {
  TRY(check_name(chain.leaf, text("SEV-", name_of(chain.signer))));
  if (chain.leaf.is_ca()) return untrusted("the leaf is a certificate of a CA");
  TRY(verify_issued(chain.leaf, chain.ask));
  chain.leaf_key = TRY(chain.leaf.p384_point());
  return {};
}

Result<void> check_revocation(SnpChain& chain, ByteView crl, Reason& why) {
  if (crl.empty()) return {};
  const auto list = TRY(verify_crl(crl, chain.ark, kArkCrlName, why));
  chain.window.narrow(kArkCrlName, list.this_update(), *list.next_update());
  chain.issued = std::min(chain.issued, list.this_update());
  why = Reason::CertificateRevoked;
  return check_not_listed(list, chain.ask, kArkCrlName);
}

/// One part of a TCB: where it stands in the leaf and in the report.
struct Part {
  std::string_view name;
  const char* oid;
  std::size_t byte;
};
constexpr std::array<Part, 4> kParts = {{{"boot loader", "1.3.6.1.4.1.3704.1.3.1", 0},
                                         {"TEE", "1.3.6.1.4.1.3704.1.3.2", 1},
                                         {"SNP firmware", "1.3.6.1.4.1.3704.1.3.3", 6},
                                         {"microcode", "1.3.6.1.4.1.3704.1.3.8", 7}}};
constexpr std::array<Part, 5> kTurinParts = {{{"FMC", "1.3.6.1.4.1.3704.1.3.9", 0},
                                              {"boot loader", "1.3.6.1.4.1.3704.1.3.1", 1},
                                              {"TEE", "1.3.6.1.4.1.3704.1.3.2", 2},
                                              {"SNP firmware", "1.3.6.1.4.1.3704.1.3.3", 3},
                                              {"microcode", "1.3.6.1.4.1.3704.1.3.8", 7}}};
constexpr const char* kChipIdOid = "1.3.6.1.4.1.3704.1.4";
constexpr std::size_t kTurinChipIdBytes = 8;

Result<Bytes> take_extension(const crypto::Certificate& leaf, const char* oid,
                             std::string_view name) {
  auto values = leaf.extensions(oid);
  if (values.size() == 1) return std::move(values[0]);
  return malformed(name, ": found ", values.size(), " extensions ", oid, " in the leaf, wanted 1");
}

// INTEGER 0 to 255, in its one DER form.
Result<std::uint8_t> take_svn(const crypto::Certificate& leaf, const Part& part) {
  const Bytes der = TRY(take_extension(leaf, part.oid, part.name));
  if (der.size() == 3 && der[0] == 0x02 && der[1] == 1 && der[2] < 0x80) return der[2];
  if (der.size() == 4 && der[0] == 0x02 && der[1] == 2 && der[2] == 0 && der[3] >= 0x80) {
    return der[3];
  }
  return malformed(part.name, ": the leaf's version is no number of 0 to 255");
}

template <std::size_t N>
Result<void> check_parts(const SnpChain& chain, const SnpReport& report,
                         const std::array<Part, N>& parts, Reason& why) {
  for (const Part& part : parts) {
    why = Reason::Malformed;
    const std::uint8_t wanted = TRY(take_svn(chain.leaf, part));
    why = Reason::TcbMismatch;
    const std::uint8_t found = report.reported_tcb[part.byte];
    if (found == wanted) continue;
    return untrusted("reported TCB: ", part.name, ": found ", unsigned{found}, ", wanted ",
                     unsigned{wanted}, " as in the ", name_of(chain.signer),
                     "; fetch the certificate for the TCB that the report names");
  }
  return {};
}

// CPUID families of the processors that AMD's chains are for.
bool fits(const SnpReport::Processor& processor, SnpProduct product) {
  const std::uint8_t family = product == SnpProduct::Turin ? 0x1a : 0x19;
  return processor.family == family;
}

}  // namespace

std::string_view name_of(SnpProduct product) {
  switch (product) {
    case SnpProduct::Milan: return "Milan";
    case SnpProduct::Genoa: return "Genoa";
    case SnpProduct::Turin: return "Turin";
  }
  TORCHKEEP_CHECK(false);
  return {};
}

Result<SnpChain> parse_snp_chain(const SnpEndorsements& endorsements) {
  const auto leaf = TRY(parse_one(endorsements.leaf, "leaf"));
  const auto ask = TRY(parse_one(endorsements.ask, "ASK"));
  const auto ark = TRY(parse_one(endorsements.ark, "ARK"));
  SnpChain chain{.leaf = leaf, .ask = ask, .ark = ark, .window = {}, .issued = leaf.not_before()};
  chain.window.narrow("leaf", leaf);
  chain.window.narrow("ASK", ask);
  chain.window.narrow("ARK", ark);
  return chain;
}

Result<void> verify_snp_chain(SnpChain& chain, ByteView crl,
                              std::span<const Digest256> ark_key_hashes, Reason& why) {
  why = Reason::UntrustedChain;
  TRY(verify_ark(chain, ark_key_hashes).context("ARK"));
  TRY(verify_ask(chain).context("ASK"));
  TRY(verify_leaf(chain).context("leaf"));
  return check_revocation(chain, crl, why);
}

Result<void> check_leaf_tcb(const SnpChain& chain, const SnpReport& report, Reason& why) {
  why = Reason::TcbMismatch;
  if (report.processor && !fits(*report.processor, chain.product)) {
    return untrusted("processor: found CPUID family ", unsigned{report.processor->family},
                     ", wanted that of ", name_of(chain.product));
  }
  if (chain.product == SnpProduct::Turin) return check_parts(chain, report, kTurinParts, why);
  return check_parts(chain, report, kParts, why);
}

Result<void> check_leaf_chip(const SnpChain& chain, const SnpReport& report, Reason& why) {
  if (chain.signer != SnpSigner::Vcek) return {};  // a VLEK is a cloud's, not a chip's
  why = Reason::Malformed;
  const Bytes wanted = TRY(take_extension(chain.leaf, kChipIdOid, "chip id"));
  why = Reason::ChipIdMismatch;
  const bool turin = chain.product == SnpProduct::Turin;
  const std::size_t size = turin ? kTurinChipIdBytes : report.chip_id.size();
  const ByteView found = ByteView(report.chip_id);
  const ByteView rest = found.subspan(size);
  const bool rest_is_zero =
      std::all_of(rest.begin(), rest.end(), [](std::uint8_t byte) { return byte == 0; });
  if (equal(found.first(size), wanted) && rest_is_zero) return {};
  return untrusted("chip id: found ", encode_hex(found), ", wanted ", encode_hex(wanted),
                   " as in the VCEK; fetch that of the chip, or have the host stop masking its id");
}

}  // namespace torchkeep::attest
