#include "torchkeep/channel/collateral_check.h"

#include "torchkeep/attest/qe_identity.h"
#include "torchkeep/attest/tcb_info.h"
#include "torchkeep/base/encoding.h"
#include "torchkeep/base/text.h"
#include "torchkeep/crypto/x509.h"

namespace torchkeep::channel {
namespace {

attest::TeeType tee_of(const attest::TcbInfo& tcb_info) {
  return tcb_info.kind == attest::TcbInfoKind::Tdx ? attest::TeeType::Tdx : attest::TeeType::Sgx;
}

// "Intel SGX PCK Platform CA" or "... Processor CA"; a simulated root's CAs are named alike.
Result<std::string> find_ca(ByteView issuer_chain) {
  const auto chain = TRY(crypto::parse_pem_chain(issuer_chain).context("PCK CRL issuer chain"));
  const std::string name = chain.front().common_name();
  if (name.find("Platform") != std::string::npos) return std::string("platform");
  if (name.find("Processor") != std::string::npos) return std::string("processor");
  return malformed("PCK CRL issuer chain: found \"", name,
                   "\", wanted a PCK Platform CA or Processor CA");
}

}  // namespace

std::string to_text(const attest::CollateralKey& key) {
  return text(attest::name_of(key.tee), " ", encode_hex(key.fmspc), " ", key.ca);
}

Result<attest::CollateralKey> find_key_of(const attest::Collateral& collateral) {
  const attest::TcbInfo tcb_info =
      TRY(attest::parse_tcb_info(collateral.tcb_info).context("TCB info"));
  std::string ca = TRY(find_ca(collateral.pck_crl_issuer_chain));
  return attest::CollateralKey{tee_of(tcb_info), tcb_info.fmspc, std::move(ca)};
}

Result<attest::VerifiedCollateral> check_collateral(const attest::Collateral& collateral,
                                                    const attest::CollateralKey& key,
                                                    std::span<const attest::RootKey> roots) {
  auto verified = TRY(attest::VerifiedCollateral::verify(collateral, roots));
  const attest::CollateralKey found = TRY(find_key_of(collateral));
  if (found != key) {
    return untrusted("genuine documents, but of other platforms: found those of ", to_text(found),
                     ", wanted those of ", to_text(key), "; somebody swapped them");
  }
  const auto identity =
      TRY(attest::parse_qe_identity(collateral.qe_identity).context("QE identity"));
  const auto wanted = key.tee == attest::TeeType::Tdx ? attest::QeKind::TdQe : attest::QeKind::Qe;
  if (identity.kind != wanted) {
    return untrusted("QE identity: found that of ", attest::name_of(identity.kind),
                     ", wanted that of ", attest::name_of(wanted));
  }
  return verified;
}

Result<void> check_dates(const attest::VerifiedCollateral& collateral, TimePoint now) {
  if (now > collateral.expires()) {
    return untrusted(
        "found an expiry at ", format_rfc3339(collateral.expires()), ", wanted one after ",
        format_rfc3339(now),
        "; let the PCCS refresh its cache, and see that this machine's clock is right");
  }
  if (now < collateral.begins()) {
    return untrusted("found a start at ", format_rfc3339(collateral.begins()),
                     ", wanted one before ", format_rfc3339(now),
                     "; documents are never issued ahead of time: this machine's clock is slow");
  }
  return {};
}

}  // namespace torchkeep::channel
