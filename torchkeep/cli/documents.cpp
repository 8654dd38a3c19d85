#include "torchkeep/cli/documents.h"

#include <algorithm>

#include "torchkeep/attest/qe_identity.h"
#include "torchkeep/attest/tcb_info.h"
#include "torchkeep/base/text.h"
#include "torchkeep/crypto/x509.h"

namespace torchkeep::cli {
namespace {

void add_list(std::vector<Document>& documents, std::string_view name, std::string_view what,
              ByteView bytes) {
  const auto list = crypto::RevocationList::parse(bytes);
  if (!list || !list->next_update()) return;
  documents.push_back(
      {std::string(name), std::string(what), list->this_update(), *list->next_update()});
}

template <typename Test>
std::vector<std::string> names_where(const std::vector<Document>& documents, const Test& test) {
  std::vector<std::string> names;
  for (const Document& document : documents) {
    if (test(document)) names.push_back(document.name);
  }
  std::ranges::sort(names);
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return names;
}

}  // namespace

void add_certificates(std::vector<Document>& documents, std::string_view name,
                      ByteView pem_or_der) {
  std::vector<crypto::Certificate> certificates;
  if (auto chain = crypto::parse_pem_chain(pem_or_der)) {
    certificates = std::move(chain).value();
  } else if (auto one = crypto::Certificate::from_der(pem_or_der)) {
    certificates.push_back(std::move(one).value());
  }
  for (const crypto::Certificate& certificate : certificates) {
    documents.push_back({std::string(name), certificate.common_name(), certificate.not_before(),
                         certificate.not_after()});
  }
}

std::vector<Document> find_documents(const attest::Collateral& collateral, ByteView pck_chain) {
  std::vector<Document> out;
  if (const auto info = attest::parse_tcb_info(collateral.tcb_info)) {
    out.push_back({"tcb_info", "TCB info", info->issue_date, info->next_update});
  }
  if (const auto identity = attest::parse_qe_identity(collateral.qe_identity)) {
    out.push_back({"qe_identity", "QE identity", identity->issue_date, identity->next_update});
  }
  add_list(out, "pck_crl", "PCK CRL", collateral.pck_crl);
  add_list(out, "root_ca_crl", "root CA CRL", collateral.root_ca_crl);
  add_certificates(out, "tcb_info_issuer_chain", collateral.tcb_info_issuer_chain);
  add_certificates(out, "qe_identity_issuer_chain", collateral.qe_identity_issuer_chain);
  add_certificates(out, "pck_crl_issuer_chain", collateral.pck_crl_issuer_chain);
  add_certificates(out, "pck_chain", pck_chain);
  return out;
}

Period common_period(const std::vector<Document>& documents) {
  Period out;
  for (const Document& document : documents) {
    out.from = std::max(out.from, document.from);
    out.until = std::min(out.until, document.until);
  }
  return out;
}

std::vector<std::string> expired_at(const std::vector<Document>& documents, TimePoint now) {
  return names_where(documents, [now](const Document& one) { return now > one.until; });
}

std::vector<std::string> not_yet_valid_at(const std::vector<Document>& documents, TimePoint now) {
  return names_where(documents, [now](const Document& one) { return now < one.from; });
}

}  // namespace torchkeep::cli
