#include "torchkeep/cli/verdict.h"

#include <filesystem>

#include <gtest/gtest.h>

#include "torchkeep/base/encoding.h"
#include "torchkeep/cli/meaning.h"
#include "torchkeep/cli/verdict_text.h"

#include "tests/support/files.h"

namespace torchkeep::cli {
namespace {

const Path kVectors = Path(TORCHKEEP_VECTORS) / "attest/vectors/dcap";

DossierOptions options_of(const std::string& vector, const std::string& at) {
  return {.quote = (kVectors / vector / "quote.bin").string(),
          .folder = kVectors / vector,
          .at = at,
          .root = {},
          .require_root_crl = false};
}

Dossier dossier_of(const std::string& vector, const std::string& at) {
  return load_dossier(options_of(vector, at)).value();
}

// The real program meets every vector in tests/end_to_end/verdicts_test.py.
TEST(Verdicts, TellPartsAndWindowAsTheClaimsDo) {
  for (const auto& [vector, at] : {std::pair{"sgx3-cfgswhardening", "2025-07-04T10:00:00Z"},
                                   {"tdx4-module-outofdate", "2025-06-11T19:00:00Z"},
                                   {"tdx5-td15-uptodate", "2026-02-25T00:00:00Z"}}) {
    const Dossier dossier = dossier_of(vector, at);
    const Verdict verdict = judge(dossier);
    ASSERT_TRUE(verdict.claims && verdict.tcb && verdict.window) << vector << verdict.message;
    const attest::Claims& claims = *verdict.claims;
    EXPECT_EQ(verdict.tcb->status, claims.tcb_status());
    EXPECT_EQ(verdict.tcb->advisories, claims.advisories());
    EXPECT_EQ(verdict.tcb->platform->advisories, claims.platform_advisories());
    EXPECT_EQ(verdict.tcb->platform->date, claims.platform_tcb()->date);
    EXPECT_EQ(verdict.tcb->quoting_enclave->status, claims.quoting_enclave_tcb()->status);
    EXPECT_EQ(verdict.tcb->tdx_module.has_value(), claims.tdx_module_tcb().has_value());
    EXPECT_EQ(verdict.tcb->shortfalls.size(), claims.shortfalls().size());
    EXPECT_EQ(verdict.window->from, claims.collateral_begins());
    EXPECT_EQ(verdict.window->until, claims.collateral_expires());
    EXPECT_EQ(encode_hex(verdict.claims->report_data()),
              encode_hex(dossier.description.report_data()));
  }
}

// Documents whose signature does not hold say nothing: no status may be read out of them.
TEST(Verdicts, OfForgedEvidenceTellNoTcbStatus) {
  for (const auto& [vector, at] : {std::pair{"neg-drv-tcb-status-edited", "2025-02-28T03:00:00Z"},
                                   {"neg-drv-mrenclave-bit", "2025-07-04T10:00:00Z"},
                                   {"neg-drv-crl-bad-signature", "2025-07-04T10:00:00Z"}}) {
    const Dossier dossier = dossier_of(vector, at);
    const json::Json told = encode(judge(dossier), dossier);
    EXPECT_EQ(told.at("result"), "rejected");
    EXPECT_TRUE(told.at("tcb_status").is_null()) << vector;
    EXPECT_TRUE(told.at("advisories").empty());
    EXPECT_FALSE(told.contains("platform_tcb_status"));
  }
}

TEST(Verdicts, HaveEveryFieldThatScriptsAreToldOf) {
  for (const auto& [vector, at] : {std::pair{"sgx3-cfgswhardening", "2025-07-04T10:00:00Z"},
                                   {"neg-drv-truncated", "2025-07-04T10:00:00Z"},
                                   {"sgx3-cert-type-3", "2021-01-01T00:00:00Z"},
                                   {"snp-milan-vcek", "2026-03-25T12:00:00Z"}}) {
    const Dossier dossier = dossier_of(vector, at);
    const json::Json told = encode(judge(dossier), dossier);
    for (const char* field : {"result", "reason", "tcb_status", "advisories", "platform_advisories",
                              "tee", "measurement", "report_data", "window_start", "window_end",
                              "root", "root_key_hash", "missing", "warnings", "expired_items"}) {
      EXPECT_TRUE(told.contains(field)) << vector << ": " << field;
    }
  }
}

TEST(Verdicts, UnderAnAnchorFromTheFolderSayWhoseItIs) {
  const Dossier sample = dossier_of("sgx3-own-root", "2024-01-01T00:00:00Z");
  const Verdict verdict = judge(sample);
  EXPECT_TRUE(verdict.accepted());
  EXPECT_FALSE(verdict.vendors_own_root);
  ASSERT_FALSE(verdict.warnings.empty());
  EXPECT_NE(verdict.warnings[0].find("root_ca.pem"), std::string::npos);
  EXPECT_EQ(encode(verdict, sample).at("root"), "other");

  DossierOptions options = options_of("sgx3-own-root", "2024-01-01T00:00:00Z");
  options.root = "intel";
  EXPECT_EQ(judge(load_dossier(options).value()).reason, "untrusted_chain");
}

TEST(Verdicts, WithoutTheRootCaCrlWarnOrReject) {
  DossierOptions options = options_of("sgx3-outofdate-qe-outofdate", "2020-05-30T14:00:00Z");
  const Verdict lenient = judge(load_dossier(options).value());
  EXPECT_TRUE(lenient.accepted());
  EXPECT_NE(lenient.warnings.at(0).find("root_ca_crl"), std::string::npos);
  options.require_root_crl = true;
  EXPECT_FALSE(judge(load_dossier(options).value()).accepted());
}

TEST(Dossiers, ThatCannotBeGatheredSayWhatToName) {
  const testing::TemporaryFolder empty;
  DossierOptions no_folder = options_of("sgx3-cfgswhardening", "2025-07-04T10:00:00Z");
  no_folder.folder = empty / "none";
  DossierOptions empty_folder = no_folder;
  empty_folder.folder = empty.path();
  DossierOptions no_quote = no_folder;
  no_quote.folder = kVectors / "sgx3-cfgswhardening";
  no_quote.quote = (empty / "none.bin").string();
  DossierOptions folder_as_quote = no_quote;
  folder_as_quote.quote = empty.path().string();
  DossierOptions no_time = options_of("sgx3-cfgswhardening", "soon");
  DossierOptions no_root = options_of("sgx3-cfgswhardening", "2025-07-04T10:00:00Z");
  no_root.root = (empty / "root.pem").string();
  DossierOptions other_vendor = options_of("snp-milan-vcek", "2026-03-25T12:00:00Z");
  other_vendor.folder = kVectors / "sgx3-cfgswhardening";
  for (const auto& options :
       {no_folder, empty_folder, no_quote, folder_as_quote, no_time, no_root, other_vendor}) {
    const auto dossier = load_dossier(options);
    ASSERT_FALSE(dossier.ok());
    EXPECT_EQ(dossier.error().code, ErrorCode::InvalidArgument) << dossier.error();
  }
}

TEST(Meanings, AreThereForEveryReasonAndStatus) {
  for (int reason = 0; reason <= static_cast<int>(attest::Reason::Expired); ++reason) {
    const auto name = attest::name_of(static_cast<attest::Reason>(reason));
    EXPECT_FALSE(meaning_of_reason(name).what.empty()) << name;
    EXPECT_FALSE(meaning_of_reason(name).way_out.empty()) << name;
  }
  EXPECT_TRUE(meaning_of_reason("no_such_reason").what.empty());
  for (const char* name :
       {"UpToDate", "SWHardeningNeeded", "ConfigurationNeeded", "ConfigurationAndSWHardeningNeeded",
        "OutOfDate", "OutOfDateConfigurationNeeded", "Revoked", "TDRelaunchAdvised",
        "TDRelaunchAdvisedConfigurationNeeded"}) {
    EXPECT_FALSE(meaning_of(attest::find_tcb_status(name).value()).what.empty()) << name;
  }
  EXPECT_NE(describe_advisory("INTEL-SA-00615").find("advisory/intel-sa-00615.html"),
            std::string::npos);
  EXPECT_EQ(describe_advisory("OTHER-1"), "OTHER-1");
}

}  // namespace
}  // namespace torchkeep::cli
