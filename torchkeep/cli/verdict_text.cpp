#include "torchkeep/cli/verdict_text.h"

#include <algorithm>

#include "torchkeep/base/encoding.h"
#include "torchkeep/base/log.h"
#include "torchkeep/cli/evidence_text.h"
#include "torchkeep/cli/meaning.h"

namespace torchkeep::cli {
namespace {

std::string joined(const std::vector<std::string>& words, std::string_view otherwise) {
  std::string out;
  for (const std::string& word : words) out += (out.empty() ? "" : ", ") + word;
  return out.empty() ? std::string(otherwise) : out;
}

void show_headline(const Console& console, const Verdict& verdict, const Dossier& dossier) {
  const std::string at = format_rfc3339(dossier.at);
  if (verdict.accepted()) {
    console.line(console.painted(Tone::Good, "VERIFIED"), ": ", kind_of(dossier.description),
                 ", genuine at ", at);
    return;
  }
  console.line(console.painted(Tone::Bad, "REJECTED"), ": ", verdict.final_reason(), " (at ", at,
               ")");
  if (!verdict.final_message().empty()) console.line("  ", one_line(verdict.final_message()));
  const Meaning meaning = meaning_of_reason(verdict.final_reason());
  if (!meaning.what.empty()) console.field("means", meaning.what);
  if (!meaning.way_out.empty()) console.field("what to do", meaning.way_out);
}

void show_status(const Console& console, std::string_view name, attest::TcbStatus status) {
  const Meaning meaning = meaning_of(status);
  console.field(name, text(attest::name_of(status), ": ", meaning.what));
}

void show_tcb(const Console& console, const TcbFindings& tcb, bool verified) {
  if (!tcb.status) return;
  show_status(console, verified ? "TCB status" : "TCB, time waived", *tcb.status);
  console.field("advisories", one_line(joined(tcb.advisories, "none")));
  for (const auto& shortfall : tcb.shortfalls) {
    console.field("short", text(one_line(shortfall.part), ": found ", shortfall.found,
                                ", newest level needs ", shortfall.wanted));
  }
}

void show_parts(const Console& console, const TcbFindings& tcb) {
  console.line("The machine, part by part:");
  const auto part = [&](std::string_view name, const std::optional<TcbPart>& one) {
    if (!one) return;
    console.field(name, text(attest::name_of(one->status), ", mitigations up to ",
                             format_rfc3339(one->date).substr(0, 10),
                             ", advisories: ", one_line(joined(one->advisories, "none"))));
  };
  part("platform", tcb.platform);
  part("quoting enclave", tcb.quoting_enclave);
  part("TDX module", tcb.tdx_module);
  console.field("judged by", text("TCB evaluation data number ", tcb.tcb_evaluation_data_number,
                                  " (QE identity: ", tcb.qe_evaluation_data_number, ")"));
  if (tcb.status) {
    const Meaning meaning = meaning_of(*tcb.status);
    if (!meaning.way_out.empty()) console.field("what to do", meaning.way_out);
  }
  if (tcb.advisories.empty()) return;
  console.line(meaning_of_advisories());
  for (const std::string& advisory : tcb.advisories) {
    console.line("  ", one_line(describe_advisory(advisory)));
  }
}

void show_documents(const Console& console, const std::vector<Document>& documents) {
  if (documents.empty()) return;
  console.line("The documents behind it, and when they are current:");
  for (const Document& document : documents) {
    console.line("  ", format_rfc3339(document.from), " .. ", format_rfc3339(document.until), "  ",
                 document.name, document.what.empty() ? "" : ": ", one_line(document.what));
  }
}

void show_window(const Console& console, const Verdict& verdict) {
  if (!verdict.window) return;
  const Period& window = *verdict.window;
  if (window.from > window.until) {
    console.field("current",
                  text("never all at once: one document begins at ", format_rfc3339(window.from),
                       ", another ends at ", format_rfc3339(window.until)));
  } else {
    console.field("current",
                  text(format_rfc3339(window.from), " .. ", format_rfc3339(window.until)));
  }
  if (!verdict.expired.empty()) console.field("expired", joined(verdict.expired, ""));
  if (!verdict.not_yet_valid.empty()) {
    console.field("not yet valid", joined(verdict.not_yet_valid, ""));
  }
}

void show_root(const Console& console, const Verdict& verdict, const Dossier& dossier) {
  if (!dossier.description.tee) return;
  const bool amd = *dossier.description.tee == attest::TeeType::Snp;
  const std::string_view whose = !verdict.vendors_own_root ? "NOT the vendor's"
                                 : amd                     ? "AMD's"
                                                           : "Intel's";
  console.field("root of trust", text(whose, ", ", dossier.anchor.origin));
  console.field("root key", verdict.claims ? encode_hex(verdict.claims->root_key_hash())
                                           : encode_hex(dossier.anchor.key_hash));
}

}  // namespace

void show(const Console& console, const Verdict& verdict, const Dossier& dossier, Detail detail) {
  show_headline(console, verdict, dossier);
  for (const std::string& warning : verdict.warnings) {
    console.line("  ", console.painted(Tone::Warning, "WARNING"), ": ", warning);
  }
  const SelfDescription& description = dossier.description;
  if (!verdict.claims && !description.report_data().empty()) {
    console.line("It says of itself, and nothing proves it:");
  }
  show_measurement(console, description);
  if (verdict.tcb) show_tcb(console, *verdict.tcb, verdict.claims.has_value());
  show_window(console, verdict);
  show_root(console, verdict, dossier);
  if (detail == Detail::EveryPart) {
    if (verdict.tcb) show_parts(console, *verdict.tcb);
    show_documents(console, verdict.documents);
    const json::Json entry = policy_entry(description);
    if (verdict.claims && !entry.is_null()) {
      console.line("A policy names exactly this code by the entry:");
      console.line("  ", json::encode_canonical(entry));
    }
  }
  if (verdict.policy) show(console, *verdict.policy);
}

}  // namespace torchkeep::cli
