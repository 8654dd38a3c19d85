#include "torchkeep/attest/internal/pck_chain.h"

#include <algorithm>

#include "torchkeep/attest/internal/verified_state.h"
#include "torchkeep/base/text.h"

namespace torchkeep::attest {
namespace {

constexpr std::string_view kPckCertificate = "Intel SGX PCK Certificate";

// A CA that signed the PCK CRL was verified with it; so was its root, but Intel has two
// certificates of that.
Result<void> verify_issuer(const CaChain& issuer, const VerifiedCollateral::State& collateral,
                           bool known_ca) {
  const auto roots = std::span(&collateral.root_key, 1);
  const crypto::Certificate* const verified = collateral.root ? &*collateral.root : nullptr;
  if (!known_ca) return verify_pck_ca(issuer, roots, verified);
  if (issuer.root.der() == collateral.pck_ca->root.der()) return {};
  return verify_root(issuer.root, roots);
}

Result<void> check_revocation(const PckChain& chain, const VerifiedCollateral::State& collateral,
                              const crypto::RevocationList& pck_crl, Reason& why) {
  why = Reason::CertificateRevoked;
  if (collateral.root_ca_crl) {
    TRY(check_not_listed(*collateral.root_ca_crl, chain.issuer.ca, kRootCaCrlName));
  }
  return check_not_listed(pck_crl, chain.leaf, kPckCrlName);
}

Result<VerifiedPckChain> verify(const PckChain& chain, const VerifiedCollateral::State& collateral,
                                Reason& why) {
  why = Reason::UntrustedChain;
  const bool known_ca = collateral.pck_ca && chain.issuer.ca.der() == collateral.pck_ca->ca.der();
  TRY(verify_issuer(chain.issuer, collateral, known_ca));
  TRY(verify_leaf(chain.leaf, kPckCertificate, chain.issuer.ca));
  const auto key = TRY(chain.leaf.p256_point());
  VerifiedPckChain out{chain, key, collateral.window, collateral.issued};
  for (const auto* certificate : {&chain.leaf, &chain.issuer.ca, &chain.issuer.root}) {
    out.window.narrow("PCK certificate chain", *certificate);
  }
  if (known_ca) {
    TRY(check_revocation(chain, collateral, *collateral.pck_crl, why));
    return out;
  }
  const auto list = TRY(verify_crl(collateral.pck_crl_bytes, chain.issuer.ca, kPckCrlName, why));
  out.window.narrow(kPckCrlName, list.this_update(), *list.next_update());
  out.issued = std::min(out.issued, list.this_update());
  TRY(check_revocation(chain, collateral, list, why));
  return out;
}

}  // namespace

Result<ByteView> find_pck_pem(const Quote& quote, ByteView elsewhere, Reason& why) {
  if (quote.certification_type == kPckChainPem) return ByteView(quote.certification_data);
  if (!elsewhere.empty()) return elsewhere;
  why = Reason::UnsupportedCertDataType;
  return malformed(
      "quote: certification data: found type ", quote.certification_type,
      ", wanted type 5 (the PCK certificate chain). Have the platform's quote provider "
      "fetch the machine's PCK certificate from a PCCS");
}

Result<PckChain> parse_pck_chain(ByteView pem, Reason& why,
                                 const std::vector<crypto::Certificate>& known) {
  why = Reason::Malformed;
  auto chain = TRY(parse_chain(pem, 3, known));
  // Some platforms of 2020 put the root before the CA.
  if (chain[1].issuer_name() == chain[1].subject_name()) std::swap(chain[1], chain[2]);
  const auto extensions = chain[0].extensions(kPckExtensionOid);
  if (extensions.size() != 1) {
    return malformed("PCK certificate: found ", extensions.size(), " SGX extensions, wanted 1");
  }
  const auto machine = TRY(parse_pck_extension(extensions[0]).context("PCK certificate"));
  return PckChain{chain[0], CaChain{chain[1], chain[2]}, machine};
}

std::shared_ptr<const VerifiedPckChain> PckChainCache::find(ByteView pem) const {
  const MutexLock lock(mutex_);
  for (const Entry& entry : entries_) {
    if (entry.chain != nullptr && equal(entry.pem, pem)) return entry.chain;
  }
  return nullptr;
}

void PckChainCache::store(ByteView pem, std::shared_ptr<const VerifiedPckChain> chain) {
  const MutexLock lock(mutex_);
  entries_[next_] = {to_bytes(pem), std::move(chain)};
  next_ = (next_ + 1) % entries_.size();
}

Result<std::shared_ptr<const VerifiedPckChain>> verify_pck_chain(
    ByteView pem, const VerifiedCollateral::State& collateral, Reason& why) {
  if (auto known = collateral.chains.find(pem)) return known;
  std::vector<crypto::Certificate> known;
  if (collateral.root) known.push_back(*collateral.root);
  if (collateral.pck_ca) known.push_back(collateral.pck_ca->ca);
  const PckChain chain = TRY(parse_pck_chain(pem, why, known));
  auto verified = std::make_shared<const VerifiedPckChain>(TRY(verify(chain, collateral, why)));
  collateral.chains.store(pem, verified);
  return std::shared_ptr<const VerifiedPckChain>(std::move(verified));
}

}  // namespace torchkeep::attest
