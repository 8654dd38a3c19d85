#include "torchkeep/cli/collateral_text.h"

#include <algorithm>

#include "torchkeep/attest/qe_identity.h"
#include "torchkeep/attest/tcb_info.h"
#include "torchkeep/base/encoding.h"
#include "torchkeep/channel/collateral_check.h"
#include "torchkeep/crypto/x509.h"

namespace torchkeep::cli {
namespace {

template <typename Document>
DocumentLine signed_document(std::string name, ByteView bytes, const Result<Document>& parsed,
                             std::optional<std::uint64_t>& number) {
  DocumentLine line{std::move(name), bytes.size(), {}, {}, {}};
  if (!parsed) {
    line.fault = bytes.empty() ? "missing" : parsed.error().message;
    return line;
  }
  line.issued = parsed->issue_date;
  line.next_update = parsed->next_update;
  const std::uint64_t found = parsed->tcb_evaluation_data_number;
  number = number ? std::min(*number, found) : found;
  return line;
}

DocumentLine revocation_list(std::string name, ByteView bytes) {
  DocumentLine line{std::move(name), bytes.size(), {}, {}, {}};
  const auto list = crypto::RevocationList::parse(bytes);
  if (!list) {
    line.fault = bytes.empty() ? "missing" : list.error().message;
    return line;
  }
  line.issued = list->this_update();
  line.next_update = list->next_update();
  return line;
}

DocumentLine chain(std::string name, ByteView bytes) {
  DocumentLine line{std::move(name), bytes.size(), {}, {}, {}};
  const auto certificates = crypto::parse_pem_chain(bytes);
  if (!certificates) {
    line.fault = bytes.empty() ? "missing" : certificates.error().message;
    return line;
  }
  for (const crypto::Certificate& certificate : *certificates) {
    line.issued = std::max(line.issued.value_or(TimePoint::min()), certificate.not_before());
    line.next_update =
        std::min(line.next_update.value_or(TimePoint::max()), certificate.not_after());
  }
  return line;
}

json::Json date(const std::optional<TimePoint>& time) {
  return time ? json::Json(format_rfc3339(*time)) : json::Json();
}

}  // namespace

CollateralReport report_on(const attest::Collateral& collateral,
                           const std::optional<attest::CollateralKey>& key,
                           std::span<const attest::RootKey> roots, TimePoint now) {
  CollateralReport out;
  auto& number = out.tcb_evaluation_data_number;
  out.documents = {signed_document("TCB info", collateral.tcb_info,
                                   attest::parse_tcb_info(collateral.tcb_info), number),
                   chain("  its issuers", collateral.tcb_info_issuer_chain),
                   signed_document("QE identity", collateral.qe_identity,
                                   attest::parse_qe_identity(collateral.qe_identity), number),
                   chain("  its issuers", collateral.qe_identity_issuer_chain),
                   revocation_list("PCK CRL", collateral.pck_crl),
                   chain("  its issuers", collateral.pck_crl_issuer_chain),
                   revocation_list("root CA CRL", collateral.root_ca_crl)};
  out.key = key;
  if (!out.key) {
    auto found = channel::find_key_of(collateral);
    if (found) out.key = std::move(found).value();
    if (!found) out.fault = found.error().message;
  }
  if (!out.key) return out;
  const auto verified = channel::check_collateral(collateral, *out.key, roots);
  if (!verified) {
    out.fault = verified.error().message;
    return out;
  }
  out.valid_from = verified->begins();
  out.valid_until = verified->expires();
  const auto dates = channel::check_dates(*verified, now);
  if (!dates) out.fault = dates.error().message;
  return out;
}

void show(const Console& console, const CollateralReport& report) {
  console.line("Collateral of ", report.key ? channel::to_text(*report.key) : "unknown platforms");
  if (report.fetched) console.field("fetched", format_rfc3339(*report.fetched));
  for (const DocumentLine& line : report.documents) {
    if (!line.fault.empty()) {
      console.field(line.name, "FAULT: " + line.fault);
      continue;
    }
    console.field(line.name,
                  text("issued ", line.issued ? format_rfc3339(*line.issued) : "?", ", next ",
                       line.next_update ? format_rfc3339(*line.next_update) : "never"));
  }
  if (report.tcb_evaluation_data_number) {
    console.field("evaluation data", text("number ", *report.tcb_evaluation_data_number));
  }
  if (report.valid_until) console.field("valid until", format_rfc3339(*report.valid_until));
  console.field("verdict", report.fault.empty() ? "verifies under the roots, and is current"
                                                : "REJECTED: " + report.fault);
}

json::Json encode(const CollateralReport& report) {
  json::Json documents = json::Json::array();
  std::string last;
  for (const DocumentLine& line : report.documents) {
    const bool issuers = line.name.starts_with(' ');
    if (!issuers) last = line.name;
    documents.push_back({{"name", issuers ? last + " issuer chain" : line.name},
                         {"bytes", line.bytes},
                         {"issued", date(line.issued)},
                         {"next_update", date(line.next_update)},
                         {"fault", line.fault.empty() ? json::Json() : json::Json(line.fault)}});
  }
  json::Json out = {{"fetched", date(report.fetched)},
                    {"verdict", report.fault.empty() ? "verified" : "rejected"},
                    {"reason", report.fault.empty() ? json::Json() : json::Json(report.fault)},
                    {"valid_from", date(report.valid_from)},
                    {"valid_until", date(report.valid_until)},
                    {"documents", std::move(documents)}};
  out["tcb_evaluation_data_number"] = report.tcb_evaluation_data_number
                                          ? json::Json(*report.tcb_evaluation_data_number)
                                          : json::Json();
  out["tee"] = report.key ? json::Json(attest::name_of(report.key->tee)) : json::Json();
  out["fmspc"] = report.key ? json::Json(encode_hex(report.key->fmspc)) : json::Json();
  out["ca"] = report.key ? json::Json(report.key->ca) : json::Json();
  return out;
}

}  // namespace torchkeep::cli
