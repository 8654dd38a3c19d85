#include "torchkeep/attest/verified_collateral.h"

#include <algorithm>

#include "torchkeep/attest/internal/intel_roots.h"
#include "torchkeep/attest/internal/verified_state.h"
#include "torchkeep/base/text.h"

namespace torchkeep::attest {
namespace {

constexpr std::string_view kTcbSigning = "Intel SGX TCB Signing";
constexpr std::string_view kTcbChainName = "TCB info issuer chain";
constexpr std::string_view kQeChainName = "QE identity issuer chain";
constexpr std::string_view kPckCrlChainName = "PCK CRL issuer chain";

struct Signer {
  crypto::Certificate certificate;
  crypto::Certificate root;
};

Result<Signer> parse_signer(ByteView pem, const std::vector<crypto::Certificate>& known) {
  const auto chain = TRY(parse_chain(pem, 2, known));
  return Signer{chain[0], chain[1]};
}

Result<void> verify_signer(const Signer& signer, std::span<const RootKey> roots) {
  TRY(verify_root(signer.root, roots));
  return verify_leaf(signer.certificate, kTcbSigning, signer.root);
}

Result<void> verify_signature(const Signer& signer, ByteView signed_bytes,
                              const ByteArray<64>& signature) {
  const auto key = TRY(signer.certificate.p256_point());
  const auto verified = crypto::verify_p256(key, signed_bytes, signature);
  if (verified) return {};
  return untrusted(
      "signature: the document was changed after Intel signed it, or the PCCS formats "
      "it anew; fetch it from Intel or from another PCCS");
}

/// One after the other, in the order of FORMAT section 3; every step adds to the state.
class Verifier {
 public:
  Verifier(const Collateral& collateral, std::span<const RootKey> roots, Reason& why)
      : collateral_(collateral), roots_(roots), why_(why) {}

  /// All that needs no key: what is no document at all is told at once.
  Result<void> parse() {
    why_ = Reason::Malformed;
    state_.tcb_info = TRY(parse_tcb_info(collateral_.tcb_info).context("TCB info"));
    state_.qe_identity = TRY(parse_qe_identity(collateral_.qe_identity).context("QE identity"));
    tcb_signer_ = TRY(parse_signer(collateral_.tcb_info_issuer_chain, intel_root_certificates())
                          .context(kTcbChainName));
    const std::vector known = {tcb_signer_->certificate, tcb_signer_->root};
    qe_signer_ =
        TRY(parse_signer(collateral_.qe_identity_issuer_chain, known).context(kQeChainName));
    if (collateral_.pck_crl.empty()) return missing(kPckCrlName);
    state_.pck_crl_bytes = collateral_.pck_crl;
    if (collateral_.pck_crl_issuer_chain.empty()) return {};
    const auto chain =
        TRY(parse_chain(collateral_.pck_crl_issuer_chain, 2, known).context(kPckCrlChainName));
    state_.pck_ca = CaChain{chain[0], chain[1]};
    return {};
  }

  Result<void> verify_signers() {
    why_ = Reason::UntrustedChain;
    TRY(verify_signer(*tcb_signer_, roots_).context(kTcbChainName));
    state_.root_key = TRY(tcb_signer_->root.p256_point());
    state_.root = tcb_signer_->root;
    if (!same_signer()) {
      TRY(verify_signer(*qe_signer_, roots_).context(kQeChainName));
      TRY(check_root(qe_signer_->root).context(kQeChainName));
    }
    narrow(kTcbChainName, tcb_signer_->certificate, tcb_signer_->root);
    narrow(kQeChainName, qe_signer_->certificate, qe_signer_->root);
    return {};
  }

  Result<void> verify_crls(RootCaCrl root_ca_crl) {
    TRY(verify_root_ca_crl(root_ca_crl));
    if (!state_.pck_ca) return {};
    TRY(verify_pck_ca_chain().context(kPckCrlChainName));
    auto list = TRY(verify_crl(collateral_.pck_crl, state_.pck_ca->ca, kPckCrlName, why_));
    state_.window.narrow(kPckCrlName, list.this_update(), *list.next_update());
    state_.issued = std::min(state_.issued, list.this_update());
    state_.pck_crl = std::move(list);
    return {};
  }

  Result<void> verify_documents() {
    const TcbInfo& tcb_info = state_.tcb_info;
    const QeIdentity& qe_identity = state_.qe_identity;
    why_ = Reason::TcbInfoBadSignature;
    TRY(verify_signature(*tcb_signer_, tcb_info.signed_bytes, tcb_info.signature)
            .context("TCB info"));
    why_ = Reason::QeIdentityBadSignature;
    TRY(verify_signature(*qe_signer_, qe_identity.signed_bytes, qe_identity.signature)
            .context("QE identity"));
    state_.window.narrow("TCB info", tcb_info.issue_date, tcb_info.next_update);
    state_.window.narrow("QE identity", qe_identity.issue_date, qe_identity.next_update);
    state_.issued = std::min({state_.issued, tcb_info.issue_date, qe_identity.issue_date});
    return {};
  }

  std::shared_ptr<const VerifiedCollateral::State> take() { return std::move(shared_); }

 private:
  Error missing(std::string_view name) {
    why_ = Reason::Malformed;
    return malformed(name,
                     ": the document is missing; without it a revoked machine passes. Fetch "
                     "the collateral anew");
  }
  bool same_signer() const {
    return qe_signer_->certificate.der() == tcb_signer_->certificate.der() &&
           qe_signer_->root.der() == tcb_signer_->root.der();
  }
  // All documents of one verdict hang on one root.
  Result<void> check_root(const crypto::Certificate& root) const {
    const RootKey key = TRY(root.p256_point());
    if (key == state_.root_key) return {};
    return untrusted("its root is another than that of the TCB info");
  }
  void narrow(std::string_view name, const crypto::Certificate& leaf,
              const crypto::Certificate& root) {
    state_.window.narrow(name, leaf);
    state_.window.narrow(name, root);
  }

  Result<void> verify_root_ca_crl(RootCaCrl rule) {
    if (collateral_.root_ca_crl.empty()) {
      if (rule == RootCaCrl::MayBeMissing) return {};
      return missing(kRootCaCrlName);
    }
    auto list = TRY(verify_crl(collateral_.root_ca_crl, tcb_signer_->root, kRootCaCrlName, why_));
    state_.window.narrow(kRootCaCrlName, list.this_update(), *list.next_update());
    why_ = Reason::CertificateRevoked;
    TRY(check_not_listed(list, tcb_signer_->certificate, kRootCaCrlName));
    TRY(check_not_listed(list, qe_signer_->certificate, kRootCaCrlName));
    state_.root_ca_crl = std::move(list);
    return {};
  }

  Result<void> verify_pck_ca_chain() {
    why_ = Reason::UntrustedChain;
    TRY(verify_pck_ca(*state_.pck_ca, roots_, &tcb_signer_->root));
    TRY(check_root(state_.pck_ca->root));
    why_ = Reason::CertificateRevoked;
    if (state_.root_ca_crl) {
      TRY(check_not_listed(*state_.root_ca_crl, state_.pck_ca->ca, kRootCaCrlName));
    }
    narrow(kPckCrlChainName, state_.pck_ca->ca, state_.pck_ca->root);
    return {};
  }

  const Collateral& collateral_;
  std::span<const RootKey> roots_;
  Reason& why_;
  std::optional<Signer> tcb_signer_;
  std::optional<Signer> qe_signer_;
  std::shared_ptr<VerifiedCollateral::State> shared_ =
      std::make_shared<VerifiedCollateral::State>();
  VerifiedCollateral::State& state_ = *shared_;
};

}  // namespace

Result<VerifiedCollateral> VerifiedCollateral::verify(const Collateral& collateral,
                                                      std::span<const RootKey> roots, Reason& why,
                                                      RootCaCrl root_ca_crl) {
  Verifier verifier(collateral, roots, why);
  TRY(verifier.parse());
  TRY(verifier.verify_signers());
  TRY(verifier.verify_crls(root_ca_crl));
  TRY(verifier.verify_documents());
  return VerifiedCollateral(verifier.take());
}

Result<VerifiedCollateral> VerifiedCollateral::verify(const Collateral& collateral,
                                                      std::span<const RootKey> roots) {
  Reason why{};
  return verify(collateral, roots, why);
}

TimePoint VerifiedCollateral::begins() const { return state_->window.from(); }
TimePoint VerifiedCollateral::expires() const { return state_->window.until(); }
TimePoint VerifiedCollateral::issued() const { return state_->issued; }

}  // namespace torchkeep::attest
