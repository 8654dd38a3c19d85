#pragma once

#include "torchkeep/attest/internal/pck_chain.h"
#include "torchkeep/attest/qe_identity.h"
#include "torchkeep/attest/tcb_info.h"
#include "torchkeep/attest/verified_collateral.h"

namespace torchkeep::attest {

struct VerifiedCollateral::State {
  RootKey root_key{};
  std::optional<crypto::Certificate> root;  ///< Verified; set with `root_key`.
  TcbInfo tcb_info;
  QeIdentity qe_identity;
  std::optional<crypto::RevocationList> root_ca_crl;
  /// The CA of PCK certificates, with its list; absent if the issuer chain was not served, in which
  /// case the list is verified with the chain in each quote.
  std::optional<CaChain> pck_ca;
  std::optional<crypto::RevocationList> pck_crl;
  Bytes pck_crl_bytes;
  Window window;
  TimePoint issued = TimePoint::max();
  mutable PckChainCache chains;  ///< Only ever holds what this very collateral has verified.
};

/// The two lists' names in messages.
inline constexpr std::string_view kPckCrlName = "PCK CRL";
inline constexpr std::string_view kRootCaCrlName = "root CA CRL";

}  // namespace torchkeep::attest
