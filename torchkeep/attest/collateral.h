#pragma once

#include <string_view>
#include <vector>

#include "torchkeep/base/bytes.h"

/// What a PCCS serves for one platform, exactly as received; nothing here is trusted yet.
namespace torchkeep::attest {

struct Collateral {
  Bytes tcb_info;                  ///< JSON {"tcbInfo":{...},"signature":"hex"}.
  Bytes tcb_info_issuer_chain;     ///< PEM, leaf first.
  Bytes qe_identity;               ///< JSON {"enclaveIdentity":{...},"signature":"hex"}.
  Bytes qe_identity_issuer_chain;  ///< PEM.
  Bytes pck_crl;                   ///< DER, PEM or hex.
  Bytes pck_crl_issuer_chain;      ///< PEM.
  Bytes root_ca_crl;               ///< DER, PEM or hex.
  /// PEM, leaf first; only for quotes that do not hold it themselves (certification data 1 to 3).
  Bytes pck_chain = {};
};

/// A root of trust: the P-256 key (x || y) of a CA, whatever its certificate looks like.
using RootKey = ByteArray<64>;
/// Intel's root key (FORMAT: the same key stands in both of its root certificates).
const RootKey& intel_root_key();

/// What kind of trusted execution environment evidence is of.
enum class TeeType { Sgx, Tdx, Snp };
/// "sgx", "tdx", "snp"
std::string_view name_of(TeeType type);

/// Which collateral a quote needs.
struct CollateralKey {
  TeeType tee = TeeType::Sgx;  ///< Sgx or Tdx: TCB info and QE identity differ.
  ByteArray<6> fmspc{};
  std::string ca;  ///< "platform" or "processor"
  auto operator<=>(const CollateralKey&) const = default;
};

}  // namespace torchkeep::attest
