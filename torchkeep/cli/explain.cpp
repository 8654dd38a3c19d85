#include "torchkeep/cli/explain.h"

#include "torchkeep/base/encoding.h"
#include "torchkeep/base/log.h"
#include "torchkeep/cli/evidence_text.h"

namespace torchkeep::cli {
namespace {

constexpr std::string_view kIntel = "https://api.trustedservices.intel.com/";
constexpr std::string_view kIntelRootCrl =
    "https://certificates.trustedservices.intel.com/IntelSGXRootCA.der";
constexpr std::string_view kAmd = "https://kdsintf.amd.com/";

std::string_view subject_of(const SelfDescription& evidence) {
  if (!evidence.tee) return "code";
  switch (*evidence.tee) {
    case attest::TeeType::Sgx: return "an enclave: one program, measured as it was loaded";
    case attest::TeeType::Tdx:
      return "a trust domain: a virtual machine, measured as it was started";
    case attest::TeeType::Snp: return "a guest: a virtual machine, measured as it was launched";
  }
  return "code";
}

void show_maker(const Console& console, const SelfDescription& evidence) {
  if (evidence.guest) {
    console.line("Who made it: the security processor of an AMD machine, with its ",
                 attest::name_of(evidence.guest->signer), " key.");
    console.field("chip", encode_hex(evidence.guest->chip_id));
    return;
  }
  if (!evidence.quote) return;
  const attest::Quote& quote = *evidence.quote;
  console.line("Who made it: a quoting enclave on the same machine, which signed the report.");
  console.field("quoting enclave", text("ISVSVN ", quote.qe_report.isv_svn, ", MRSIGNER ",
                                        encode_hex(quote.qe_report.mr_signer)));
  if (!evidence.machine) {
    console.field("machine", text("not told: certification data type ", quote.certification_type,
                                  " holds no certificate, so pck_chain.pem must come with the "
                                  "collateral"));
    return;
  }
  const attest::PckExtension& machine = *evidence.machine;
  console.field("machine family",
                text("FMSPC ", encode_hex(machine.fmspc), ", PCEID ", encode_hex(machine.pce_id)));
  console.field("certified by", one_line(evidence.pck_ca));
  console.field("platform", machine.platform_instance_id
                                ? encode_hex(*machine.platform_instance_id)
                                : text(encode_hex(machine.ppid), " (PPID)"));
  console.field("patch level",
                text("components ", encode_hex(machine.components), ", PCESVN ", machine.pce_svn));
}

void show_next(const Console& console, const SelfDescription& evidence, const std::string& quote) {
  console.line("Nothing of this is proven yet. It takes documents that ",
               evidence.guest ? "AMD" : "Intel", " signed:");
  for (const std::string& address : collateral_addresses(evidence)) console.line("  ", address);
  if (evidence.guest) {
    console.line("Put them into a folder as leaf.der, ask.pem and ark.pem.");
  } else {
    console.line("On a machine with a network, a PCCS hands out all of them:");
    console.line("  torchkeep collateral fetch ", quote, " --pccs HOST:PORT");
    console.line("  torchkeep collateral export FOLDER --quote ", quote);
  }
  console.line("Next: torchkeep attest explain ", quote, " --collateral FOLDER");
}

}  // namespace

std::vector<std::string> collateral_addresses(const SelfDescription& evidence) {
  if (evidence.guest) {
    const attest::SnpTcbBytes& tcb = evidence.guest->reported_tcb;
    // Turin orders these bytes differently; it is not told apart before version 3.
    return {text(kAmd, "vcek/v1/PRODUCT/", encode_hex(evidence.guest->chip_id), "?blSPL=", tcb[0],
                 "&teeSPL=", tcb[1], "&snpSPL=", tcb[6], "&ucodeSPL=", tcb[7],
                 "  (PRODUCT: Milan or Genoa)"),
            text(kAmd, "vcek/v1/PRODUCT/cert_chain  (ASK, then ARK)")};
  }
  if (!evidence.machine || !evidence.tee) return {};
  const std::string base = text(kIntel, attest::name_of(*evidence.tee), "/certification/v4/");
  const std::string_view ca =
      evidence.pck_ca.find("Platform") == std::string::npos ? "processor" : "platform";
  return {text(base, "tcb?fmspc=", encode_hex(evidence.machine->fmspc)), base + "qe/identity",
          text(kIntel, "sgx/certification/v4/pckcrl?ca=", ca, "&encoding=der"),
          std::string(kIntelRootCrl)};
}

void explain(const Console& console, const SelfDescription& evidence, ByteView bytes,
             const std::string& quote) {
  console.line(quote, " is ", kind_of(evidence), " (", bytes.size(), " bytes).");
  if (!evidence.malformed.empty()) {
    console.line("  ", console.painted(Tone::Bad, "MALFORMED"), ": ", one_line(evidence.malformed));
    console.line("  See that it was copied whole and in binary.");
  }
  if (!evidence.report_data().empty()) {
    console.line("What it is about: ", subject_of(evidence), ".");
    show_measurement(console, evidence);
    console.line("Report data is what the code chose to bind: a key, a session, a nonce.");
  }
  show_maker(console, evidence);
  if (evidence.malformed.empty()) show_next(console, evidence, quote);
}

json::Json encode_explanation(const SelfDescription& evidence, ByteView bytes) {
  json::Json out = {
      {"bytes", bytes.size()},
      {"tee", evidence.tee ? json::Json(attest::name_of(*evidence.tee)) : json::Json()},
      {"quote_version", evidence.version},
      {"measurement", encode_measurement(evidence)},
      {"report_data", encode_hex(evidence.report_data())},
      {"collateral", collateral_addresses(evidence)},
      {"proven", false}};
  if (!evidence.malformed.empty()) out["malformed"] = evidence.malformed;
  if (evidence.quote) {
    out["certification_type"] = evidence.quote->certification_type;
    out["qe_isvsvn"] = evidence.quote->qe_report.isv_svn;
  }
  if (evidence.machine) {
    out["fmspc"] = encode_hex(evidence.machine->fmspc);
    out["pce_id"] = encode_hex(evidence.machine->pce_id);
    out["pck_ca"] = evidence.pck_ca;
  }
  return out;
}

}  // namespace torchkeep::cli
