#include "torchkeep/cli/meaning.h"

#include <algorithm>
#include <array>

#include "torchkeep/base/check.h"
#include "torchkeep/base/text.h"

namespace torchkeep::cli {
namespace {

struct ReasonRow {
  std::string_view reason;
  Meaning meaning;
};

constexpr std::string_view kFetchAnew = "fetch the collateral anew: torchkeep collateral fetch";
constexpr std::string_view kQuoteAnew =
    "have the machine make a new quote and carry it over unchanged; if that fails too, do not "
    "trust the machine";

constexpr std::array kReasons = {
    ReasonRow{
        "malformed",
        {"Something is no document of its kind, is cut short, or is missing; the message "
         "names it.",
         "see that the file was copied whole and in binary, and that it is the one you meant"}},
    ReasonRow{"unsupported_cert_data_type",
              {"The quote does not hold the certificate of the machine that made it, and the "
               "collateral folder has none either (pck_chain.pem).",
               "have the machine's quote provider library fetch its PCK certificate from a PCCS, "
               "then make the quote anew"}},
    ReasonRow{"untrusted_chain",
              {"The certificates do not lead up to the accepted root: somebody else than the "
               "accepted vendor vouches for this machine.",
               "if the root is one that you run yourself (a simulated platform, a test), name it "
               "with --root FILE.pem; else do not trust the machine"}},
    ReasonRow{"crl_issuer_mismatch",
              {"The list of revoked certificates is that of another CA, so nobody can tell whether "
               "this machine was revoked.",
               kFetchAnew}},
    ReasonRow{"crl_bad_signature",
              {"The list of revoked certificates was changed after it was signed.", kFetchAnew}},
    ReasonRow{"certificate_revoked",
              {"The vendor has withdrawn a certificate of this machine, usually because a key may "
               "be known to others.",
               "use another machine: no policy can accept this one"}},
    ReasonRow{"tcb_info_bad_signature",
              {"The document that says which patch levels are safe (TCB info) was changed after "
               "Intel signed it.",
               kFetchAnew}},
    ReasonRow{"qe_identity_bad_signature",
              {"The document that says which quoting enclave is Intel's (QE identity) was changed "
               "after Intel signed it.",
               kFetchAnew}},
    ReasonRow{"tcb_info_mismatch",
              {"The TCB info is genuine, but of another family of machines or of the other "
               "technology (SGX, TDX).",
               "fetch the collateral for this very quote: torchkeep collateral fetch"}},
    ReasonRow{"tdx_module_mismatch",
              {"The TDX module under this trust domain is none that Intel lists.",
               "install Intel's TDX module on the machine, or fetch newer collateral"}},
    ReasonRow{"bad_qe_report_signature",
              {"The quoting enclave was not vouched for by the key in this machine's certificate: "
               "the quote and the certificate are of two machines, or bytes were changed.",
               kQuoteAnew}},
    ReasonRow{"qe_report_data_mismatch",
              {"The quoting enclave does not vouch for the key that signed this quote: the quote "
               "was put together from two.",
               kQuoteAnew}},
    ReasonRow{
        "qe_identity_mismatch",
        {"What signed the quote is not the quoting enclave that Intel describes, or the "
         "description is of the other technology (SGX, TDX).",
         "fetch the collateral for this very quote; if it stays so, do not trust the machine"}},
    ReasonRow{"bad_quote_signature",
              {"The report was changed after it was signed: what it says of code, machine and data "
               "is worth nothing.",
               kQuoteAnew}},
    ReasonRow{
        "tcb_mismatch",
        {"AMD issued this certificate for other firmware versions than the report tells, so it "
         "does not vouch for this report.",
         "fetch the chip's certificate for the report's TCB: torchkeep attest explain names "
         "the address"}},
    ReasonRow{"chip_id_mismatch",
              {"AMD issued this certificate to another chip.",
               "fetch the certificate of this chip: torchkeep attest explain names the address"}},
    ReasonRow{"tcb_not_supported",
              {"The machine's microcode or firmware is older than every level that the vendor "
               "judges.",
               "update BIOS and microcode, provision the machine's certificate anew, then make a "
               "new quote"}},
    ReasonRow{"tcb_revoked",
              {"The vendor has given up this patch level: keys of such machines may be known to "
               "others.",
               "use another machine: no policy can accept this one"}},
    ReasonRow{"not_yet_valid",
              {"A document begins later than the time of judging.",
               "see that this machine's clock, or --at, is right"}},
    ReasonRow{"expired",
              {"A document has ended before the time of judging: what has been found out since is "
               "not in it.",
               "fetch fresh collateral (torchkeep collateral fetch); to judge old evidence, give "
               "the time with --at"}},
    ReasonRow{"policy_refused",
              {"The evidence is genuine, but the policy does not accept what it says.",
               "torchkeep policy check shows clause by clause what to change"}},
};

struct AdvisoryRow {
  std::string_view advisory;
  std::string_view name;
};

// Those that have a name of their own in the press; the others have a page each.
constexpr std::array kAdvisories = {
    AdvisoryRow{"INTEL-SA-00161", "L1 Terminal Fault (Foreshadow)"},
    AdvisoryRow{"INTEL-SA-00233", "Microarchitectural Data Sampling"},
    AdvisoryRow{"INTEL-SA-00289", "voltage settings modification (Plundervolt)"},
    AdvisoryRow{"INTEL-SA-00320", "Special Register Buffer Data Sampling (CrossTalk)"},
    AdvisoryRow{"INTEL-SA-00334", "Load Value Injection (LVI)"},
    AdvisoryRow{"INTEL-SA-00389", "power readings as a side channel (PLATYPUS)"},
    AdvisoryRow{"INTEL-SA-00615", "Processor MMIO Stale Data"},
    AdvisoryRow{"INTEL-SA-00657", "stale data from the xAPIC (AEPIC Leak)"},
    AdvisoryRow{"INTEL-SA-00828", "Gather Data Sampling (Downfall)"},
};

}  // namespace

Meaning meaning_of_reason(std::string_view reason) {
  const auto* const found = std::ranges::find(kReasons, reason, &ReasonRow::reason);
  return found == kReasons.end() ? Meaning{} : found->meaning;
}

Meaning meaning_of(attest::TcbStatus status) {
  switch (status) {
    case attest::TcbStatus::UpToDate:
      return {"the machine has every mitigation known when its collateral was made", ""};
    case attest::TcbStatus::SWHardeningNeeded:
      return {"the machine is patched, but enclave code must defend itself against the advisories",
              "the owner decides, by advisory, whether this program does"};
    case attest::TcbStatus::ConfigurationNeeded:
    case attest::TcbStatus::ConfigurationAndSWHardeningNeeded:
      return {"the machine is patched, but a BIOS setting leaves the advisories open",
              "change the setting (often: switch hyper-threading off), then provision the "
              "machine's certificate anew"};
    case attest::TcbStatus::OutOfDate:
    case attest::TcbStatus::OutOfDateConfigurationNeeded:
      return {"the machine lacks mitigations that are known and published",
              "update its BIOS, microcode and attestation software, provision its certificate "
              "anew, then make a new quote"};
    case attest::TcbStatus::TDRelaunchAdvised:
    case attest::TcbStatus::TDRelaunchAdvisedConfigurationNeeded:
      return {"the machine is new, but the trust domain was started before it became so",
              "start the trust domain anew"};
    case attest::TcbStatus::Revoked:
      return {"Intel no longer vouches for such machines", "use another machine"};
  }
  TORCHKEEP_CHECK(false);
  return {};
}

std::string describe_advisory(std::string_view advisory) {
  const auto* const found = std::ranges::find(kAdvisories, advisory, &AdvisoryRow::advisory);
  std::string out(advisory);
  if (found != kAdvisories.end()) out += text(": ", found->name);
  if (advisory.starts_with("INTEL-SA-")) {
    std::string page(advisory);
    std::ranges::transform(page, page.begin(), [](char letter) {
      return letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter - 'A' + 'a') : letter;
    });
    out +=
        text("; https://www.intel.com/content/www/us/en/security-center/advisory/", page, ".html");
  }
  return out;
}

std::string_view meaning_of_advisories() {
  return "An advisory is a published weakness that this patch level does not close. Its page says "
         "what an attacker can do, and which BIOS, microcode or setting closes it.";
}

}  // namespace torchkeep::cli
