#pragma once

#include <optional>
#include <string>
#include <vector>

#include "torchkeep/attest/snp.h"
#include "torchkeep/base/clock.h"
#include "torchkeep/cli/evidence.h"

/// Everything that a verdict is made from, gathered from files: no network is used.
namespace torchkeep::cli {

/// What the user names.
struct DossierOptions {
  std::string quote;              ///< A file, or "-".
  Path folder;                    ///< Collateral.
  std::optional<std::string> at;  ///< RFC 3339; now if absent.
  std::string root;               ///< A PEM file, "intel" or "amd"; empty: see TrustAnchor.
  bool require_root_crl = false;
};

/// Whose word counts. Whoever chose it answers for the verdict, so it is always told.
struct TrustAnchor {
  std::vector<attest::RootKey> intel;  ///< For quotes: accepted root keys.
  std::vector<Digest256> amd;          ///< For SEV-SNP: SHA-256 of accepted ARKs' public keys.
  bool vendors_own = false;            ///< It is the vendor's key as this program knows it.
  std::string origin;                  ///< "built into this program", "/path/root_ca.pem"
  Digest256 key_hash{};                ///< As claims and policies name a root.
};

struct Dossier {
  Bytes evidence;
  std::optional<Error> evidence_fault;  ///< The file is no evidence: too large.
  SelfDescription description;
  attest::Collateral collateral;
  attest::SnpEndorsements snp;
  TrustAnchor anchor;
  TimePoint at;
  bool require_root_crl = false;
  std::vector<std::string> missing;  ///< Documents that a verdict can do without: "root_ca_crl".
};

/// The root of trust is `options.root`; without it the root certificate in the folder (root_ca.pem,
/// for SEV-SNP ark.pem); without that the vendor's own key.
/// Errors: InvalidArgument for whatever the user has to name otherwise, with what to type.
Result<Dossier> load_dossier(const DossierOptions& options);

}  // namespace torchkeep::cli
