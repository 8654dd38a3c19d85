#include "torchkeep/cli/dossier.h"

#include <algorithm>
#include <filesystem>

#include "torchkeep/base/text.h"
#include "torchkeep/channel/collateral_folder.h"
#include "torchkeep/cli/time_option.h"
#include "torchkeep/crypto/digest.h"
#include "torchkeep/crypto/x509.h"

namespace torchkeep::cli {
namespace {

constexpr std::string_view kBuiltIn = "built into this program";
// What to type next where documents are missing.
constexpr std::string_view kHowToFill =
    "on a machine with a network: torchkeep collateral fetch QUOTE --pccs HOST:PORT, then "
    "torchkeep "
    "collateral export FOLDER --quote QUOTE";
constexpr std::string_view kHowToFillSnp =
    "torchkeep attest explain QUOTE names AMD's addresses for them";

// Whatever keeps a dossier from being gathered is for the user to name otherwise.
template <typename T>
Result<T> as_usage(Result<T> result) {
  if (result || result.error().code == ErrorCode::Internal) return result;
  return invalid_argument(result.error().message);
}

/// The file's bytes; empty if it is not there.
Result<Bytes> load_if_there(const Path& file) {
  auto bytes = load_file(file, channel::kMaxCollateralBytes);
  if (bytes || bytes.error().code != ErrorCode::NotFound) return as_usage(std::move(bytes));
  return Bytes();
}

std::string joined(const std::vector<std::string>& names) {
  std::string out;
  for (const std::string& name : names) out += (out.empty() ? "" : ", ") + name;
  return out;
}

Result<void> check_folder(const Path& folder) {
  std::error_code failure;
  const auto status = std::filesystem::status(folder, failure);
  if (!std::filesystem::exists(status)) {
    return invalid_argument("there is no folder ", folder.string(), "; ", kHowToFill);
  }
  if (!std::filesystem::is_directory(status)) {
    return invalid_argument(folder.string(),
                            " is no folder; --collateral wants the folder that holds tcb_info.json "
                            "and the other documents");
  }
  return {};
}

struct Wanted {
  std::string_view file;
  const Bytes* bytes;
};

Result<void> check_complete(const Path& folder, std::string_view how_to_fill,
                            std::initializer_list<Wanted> documents) {
  std::vector<std::string> missing;
  for (const Wanted& document : documents) {
    if (document.bytes->empty()) missing.emplace_back(document.file);
  }
  if (missing.empty()) return {};
  return invalid_argument(folder.string(), " does not hold ", joined(missing),
                          ", which this evidence takes; ", how_to_fill);
}

// For quotes -----------------------------------------------------------------

Result<std::vector<attest::RootKey>> parse_intel_roots(ByteView pem, const std::string& file) {
  const auto chain = TRY(as_usage(crypto::parse_pem_chain(pem).context(file)));
  std::vector<attest::RootKey> keys;
  for (const crypto::Certificate& certificate : chain) {
    const auto key = certificate.p256_point();
    if (!key) {
      return invalid_argument(file, ": \"", certificate.common_name(),
                              "\" has no P-256 key, so it is no root of Intel's kind");
    }
    keys.push_back(*key);
  }
  return keys;
}

Result<TrustAnchor> load_intel_anchor(const DossierOptions& options) {
  TrustAnchor anchor{{attest::intel_root_key()}, {}, true, std::string(kBuiltIn), {}};
  Path file = options.root;
  if (options.root.empty()) file = options.folder / "root_ca.pem";
  const Bytes pem = options.root == "intel" ? Bytes() : TRY(load_if_there(file));
  if (!pem.empty()) {
    anchor.intel = TRY(parse_intel_roots(pem, file.string()));
    anchor.origin = file.string();
    anchor.vendors_own = std::ranges::all_of(
        anchor.intel, [](const auto& key) { return key == attest::intel_root_key(); });
  } else if (!options.root.empty() && options.root != "intel") {
    return invalid_argument("--root ", options.root,
                            ": there is no such file; name a root certificate in PEM, or intel");
  }
  anchor.key_hash = crypto::sha256(anchor.intel.front());
  return anchor;
}

// No collateral helps a quote that cannot be read or has no certificate: it is rejected, and asking
// for documents would only hide that.
bool needs_documents(const Dossier& dossier) {
  const auto& quote = dossier.description.quote;
  if (!quote) return false;
  return quote->certification_type == attest::kPckChainPem || !dossier.collateral.pck_chain.empty();
}

Result<void> gather_intel(const DossierOptions& options, Dossier& out) {
  out.collateral = TRY(as_usage(channel::load_collateral_folder(options.folder)));
  const attest::Collateral& have = out.collateral;
  if (needs_documents(out)) {
    TRY(check_complete(options.folder, kHowToFill,
                       {{"tcb_info.json", &have.tcb_info},
                        {"tcb_info_issuer_chain.pem", &have.tcb_info_issuer_chain},
                        {"qe_identity.json", &have.qe_identity},
                        {"qe_identity_issuer_chain.pem", &have.qe_identity_issuer_chain},
                        {"pck_crl.der", &have.pck_crl}}));
  }
  if (have.root_ca_crl.empty()) out.missing.emplace_back("root_ca_crl");
  out.anchor = TRY(load_intel_anchor(options));
  return {};
}

// For SEV-SNP reports -----------------------------------------------------------

Result<Digest256> ark_hash(ByteView file, const std::string& name) {
  if (const auto der = crypto::Certificate::from_der(file)) {
    return crypto::sha256(der->public_key_info());
  }
  const auto chain = TRY(as_usage(crypto::parse_pem_chain(file).context(name)));
  return crypto::sha256(chain.back().public_key_info());
}

Result<TrustAnchor> load_amd_anchor(const DossierOptions& options) {
  TrustAnchor anchor{{}, {attest::amd_milan_root()}, true, std::string(kBuiltIn), {}};
  if (options.root != "amd") {
    const Path file = options.root.empty() ? options.folder / "ark.pem" : Path(options.root);
    const Bytes ark = TRY(load_if_there(file));
    if (ark.empty() && options.root.empty()) {
      anchor.key_hash = anchor.amd.front();
      return anchor;
    }
    if (ark.empty()) {
      return invalid_argument("--root ", options.root,
                              ": there is no such file; name an ARK certificate in PEM, or amd");
    }
    anchor.amd = {TRY(ark_hash(ark, file.string()))};
    anchor.origin = file.string();
    anchor.vendors_own = anchor.amd.front() == attest::amd_milan_root();
  }
  anchor.key_hash = anchor.amd.front();
  return anchor;
}

Result<void> gather_snp(const DossierOptions& options, Dossier& out) {
  out.snp.leaf = TRY(load_if_there(options.folder / "leaf.der"));
  out.snp.ask = TRY(load_if_there(options.folder / "ask.pem"));
  out.snp.ark = TRY(load_if_there(options.folder / "ark.pem"));
  out.snp.crl = TRY(load_if_there(options.folder / "crl.der"));
  if (out.description.guest) {
    TRY(check_complete(
        options.folder, kHowToFillSnp,
        {{"leaf.der", &out.snp.leaf}, {"ask.pem", &out.snp.ask}, {"ark.pem", &out.snp.ark}}));
  }
  if (out.snp.crl.empty()) out.missing.emplace_back("crl");
  out.anchor = TRY(load_amd_anchor(options));
  return {};
}

}  // namespace

Result<Dossier> load_dossier(const DossierOptions& options) {
  Dossier out;
  out.require_root_crl = options.require_root_crl;
  out.at = options.at ? TRY(parse_time_option(*options.at)) : SystemClock().now();
  TRY(check_folder(options.folder));
  auto evidence = load_evidence(options.quote);
  if (evidence) {
    out.evidence = std::move(evidence).value();
  } else if (evidence.error().code == ErrorCode::Malformed) {
    out.evidence_fault = evidence.error();
    return out;
  } else {
    return std::move(evidence).error();
  }
  out.description = describe(out.evidence, {});
  if (!out.description.tee) return out;  // no evidence at all: no collateral will help
  if (*out.description.tee == attest::TeeType::Snp) {
    TRY(gather_snp(options, out));
    return out;
  }
  TRY(gather_intel(options, out));
  out.description = describe(out.evidence, out.collateral.pck_chain);
  return out;
}

}  // namespace torchkeep::cli
