#include "torchkeep/attest/internal/chains.h"

#include <algorithm>

#include "torchkeep/attest/internal/intel_roots.h"
#include "torchkeep/base/check.h"
#include "torchkeep/base/encoding.h"
#include "torchkeep/base/text.h"
#include "torchkeep/crypto/digest.h"

namespace torchkeep::attest {
namespace {

constexpr std::string_view kRootCa = "Intel SGX Root CA";

Error wrong_name(const crypto::Certificate& certificate, std::string_view wanted) {
  return untrusted("certificate name: found \"", certificate.common_name(), "\", wanted ", wanted);
}

Result<void> check_no_unknown_rule(const crypto::Certificate& certificate) {
  if (!certificate.has_unknown_critical_extension()) return {};
  return untrusted("certificate \"", certificate.common_name(),
                   "\" has a critical extension that this version does not know");
}

// `below` CAs stand between this one and the end of the chain.
Result<void> check_ca(const crypto::Certificate& certificate, long below) {
  TRY(check_no_unknown_rule(certificate));
  if (!certificate.is_ca()) {
    return untrusted("certificate \"", certificate.common_name(), "\" is not one of a CA");
  }
  if (certificate.path_length() && *certificate.path_length() < below) {
    return untrusted("certificate \"", certificate.common_name(), "\" allows ",
                     *certificate.path_length(), " CAs below it, the chain has ", below);
  }
  return {};
}

}  // namespace

std::string_view name_of(TeeType type) {
  switch (type) {
    case TeeType::Sgx: return "sgx";
    case TeeType::Tdx: return "tdx";
    case TeeType::Snp: return "snp";
  }
  TORCHKEEP_CHECK(false);
  return {};
}

const RootKey& intel_root_key() {
  static const RootKey key = intel_root_certificates().front().p256_point().value();
  return key;
}

Result<std::vector<crypto::Certificate>> parse_chain(
    ByteView pem, std::size_t size, const std::vector<crypto::Certificate>& known) {
  if (pem.empty()) return malformed("the chain is missing");
  auto chain = TRY(crypto::parse_pem_chain(pem, known));
  if (chain.size() != size) {
    return malformed("the chain has ", chain.size(), " certificates, not ", size);
  }
  return chain;
}

Result<void> verify_root(const crypto::Certificate& root, std::span<const RootKey> roots) {
  const RootKey key = TRY(root.p256_point());
  if (std::find(roots.begin(), roots.end(), key) == roots.end()) {
    return untrusted("root key: found one with SHA-256 ", encode_hex(crypto::sha256(key)),
                     ", which is none of the ", roots.size(),
                     " accepted roots; a simulated platform has a root of its own");
  }
  if (root.common_name() != kRootCa) return wrong_name(root, kRootCa);
  TRY(check_ca(root, 0));
  if (is_intel_root(root)) return {};
  return root.verify_issued_by(root);
}

Result<void> verify_pck_ca(const CaChain& chain, std::span<const RootKey> roots,
                           const crypto::Certificate* verified_root) {
  if (verified_root == nullptr || verified_root->der() != chain.root.der()) {
    TRY(verify_root(chain.root, roots));
  }
  TRY(check_ca(chain.root, 1));
  const std::string name = chain.ca.common_name();
  if (name != kPlatformCa && name != kProcessorCa) {
    return wrong_name(chain.ca, "that of the PCK Platform CA or PCK Processor CA");
  }
  TRY(check_ca(chain.ca, 0));
  return chain.ca.verify_issued_by(chain.root);
}

Result<void> verify_leaf(const crypto::Certificate& leaf, std::string_view name,
                         const crypto::Certificate& issuer) {
  if (leaf.common_name() != name) return wrong_name(leaf, name);
  TRY(check_no_unknown_rule(leaf));
  if (leaf.is_ca()) return untrusted("certificate \"", name, "\" is one of a CA");
  return leaf.verify_issued_by(issuer);
}

Result<crypto::RevocationList> verify_crl(ByteView bytes, const crypto::Certificate& issuer,
                                          std::string_view name, Reason& why) {
  why = Reason::Malformed;
  if (bytes.empty()) return Error(malformed("the document is missing")).context(name);
  auto list = TRY(crypto::RevocationList::parse(bytes).context(name));
  if (!list.next_update()) return malformed(name, ": it does not say when the next one comes");
  why = Reason::CrlIssuerMismatch;
  if (list.issuer_name() != issuer.subject_name()) {
    return untrusted(name, ": it is another CA's list; wanted that of \"", issuer.common_name(),
                     "\". Fetch the list for the CA that issued this machine's certificate");
  }
  why = Reason::CrlBadSignature;
  TRY(list.verify_issued_by(issuer).context(name));
  return list;
}

Result<void> check_not_listed(const crypto::RevocationList& list,
                              const crypto::Certificate& certificate, std::string_view name) {
  if (!list.lists(certificate)) return {};
  return untrusted(name, ": it revokes the certificate \"", certificate.common_name(),
                   "\" with serial ", encode_hex(certificate.serial()),
                   "; Intel no longer vouches for it. Use another machine, or ask its vendor");
}

}  // namespace torchkeep::attest
