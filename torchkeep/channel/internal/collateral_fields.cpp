#include "torchkeep/channel/internal/collateral_fields.h"

#include <algorithm>

namespace torchkeep::channel {

std::span<const CollateralField> collateral_fields() {
  using attest::Collateral;
  static constexpr CollateralField kFields[] = {
      {"tcb_info", "tcb_info.json", &Collateral::tcb_info},
      {"tcb_info_issuer_chain", "tcb_info_issuer_chain.pem", &Collateral::tcb_info_issuer_chain},
      {"qe_identity", "qe_identity.json", &Collateral::qe_identity},
      {"qe_identity_issuer_chain", "qe_identity_issuer_chain.pem",
       &Collateral::qe_identity_issuer_chain},
      {"pck_crl", "pck_crl.der", &Collateral::pck_crl},
      {"pck_crl_issuer_chain", "pck_crl_issuer_chain.pem", &Collateral::pck_crl_issuer_chain},
      {"root_ca_crl", "root_ca_crl.der", &Collateral::root_ca_crl},
      {"pck_chain", "pck_chain.pem", &Collateral::pck_chain},
  };
  return kFields;
}

bool same(const attest::Collateral& left, const attest::Collateral& right) {
  if (&left == &right) return true;
  return std::ranges::all_of(collateral_fields(), [&](const CollateralField& field) {
    return left.*field.bytes == right.*field.bytes;
  });
}

}  // namespace torchkeep::channel
