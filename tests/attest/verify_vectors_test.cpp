#include <algorithm>

#include <gtest/gtest.h>

#include "torchkeep/attest/verify.h"
#include "torchkeep/base/encoding.h"
#include "torchkeep/base/thread_pool.h"
#include "torchkeep/crypto/x509.h"

#include "tests/attest/vectors.h"

// The evidence of real machines, and edits of it, against the verdicts of its manifests.
namespace torchkeep::attest {
namespace {

using json::Json;
using testing::load_dcap_vector;
using testing::text_at;
using testing::Vector;

std::vector<RootKey> roots_of(const Vector& vector) {
  if (vector.manifest.at("kind") != "own-root") return {intel_root_key()};
  const auto root = crypto::parse_pem_chain(testing::load_dcap_file(vector.name, "root_ca.pem"));
  return {root.value()[0].p256_point().value()};
}

// Some folders have no root CA CRL of their time; the verdict on the rest still counts.
RootCaCrl rule_for(const Vector& vector) {
  return vector.collateral.root_ca_crl.empty() ? RootCaCrl::MayBeMissing : RootCaCrl::Wanted;
}

Judgement judge_at(const Vector& vector, const std::string& at) {
  return judge_quote(vector.quote, vector.collateral, roots_of(vector), parse_rfc3339(at).value(),
                     rule_for(vector));
}

std::vector<std::string> sorted_strings(const Json& array) {
  auto out = array.get<std::vector<std::string>>();
  std::sort(out.begin(), out.end());
  return out;
}

void expect_enclave(const SgxEnclave& enclave, const Json& expected) {
  EXPECT_EQ(encode_hex(enclave.mr_enclave), text_at(expected, "mrenclave"));
  EXPECT_EQ(encode_hex(enclave.mr_signer), text_at(expected, "mrsigner"));
  EXPECT_EQ(encode_hex(enclave.attributes), text_at(expected, "attributes"));
  EXPECT_EQ(enclave.isv_prod_id, expected.at("isv_prod_id"));
  EXPECT_EQ(enclave.isv_svn, expected.at("isv_svn"));
  EXPECT_EQ(enclave.misc_select, expected.at("miscselect"));
  EXPECT_EQ(enclave.debug(), expected.at("debug"));
}

void expect_trust_domain(const TdReport& td, const Json& expected) {
  EXPECT_EQ(encode_hex(td.tee_tcb_svn), text_at(expected, "tee_tcb_svn"));
  EXPECT_EQ(encode_hex(td.mr_seam), text_at(expected, "mr_seam"));
  EXPECT_EQ(encode_hex(td.mr_signer_seam), text_at(expected, "mrsigner_seam"));
  EXPECT_EQ(encode_hex(td.seam_attributes), text_at(expected, "seam_attributes"));
  EXPECT_EQ(encode_hex(td.td_attributes), text_at(expected, "td_attributes"));
  EXPECT_EQ(encode_hex(td.xfam), text_at(expected, "xfam"));
  EXPECT_EQ(encode_hex(td.mr_td), text_at(expected, "mr_td"));
  EXPECT_EQ(encode_hex(td.mr_config_id), text_at(expected, "mr_config_id"));
  EXPECT_EQ(encode_hex(td.mr_owner), text_at(expected, "mr_owner"));
  EXPECT_EQ(encode_hex(td.mr_owner_config), text_at(expected, "mr_owner_config"));
  for (std::size_t i = 0; i < td.rtmrs.size(); ++i) {
    EXPECT_EQ(encode_hex(td.rtmrs[i]), text_at(expected, text("rtmr", i).c_str()));
  }
  EXPECT_EQ(td.debug(), expected.at("debug"));
  EXPECT_EQ(td.later.has_value(), expected.contains("tee_tcb_svn2"));
  if (td.later) {
    EXPECT_EQ(encode_hex(td.later->tee_tcb_svn2), text_at(expected, "tee_tcb_svn2"));
    EXPECT_EQ(encode_hex(td.later->mr_service_td), text_at(expected, "mr_servicetd"));
  }
}

void expect_attested(const Attested& attested, const Json& expected) {
  if (const auto* td = std::get_if<TdReport>(&attested)) {
    expect_trust_domain(*td, expected);
  } else {
    expect_enclave(std::get<SgxEnclave>(attested), expected);
  }
}

void expect_claims(const Claims& claims, const Json& expected) {
  EXPECT_EQ(name_of(claims.tcb_status().value()), text_at(expected, "tcb_status"));
  EXPECT_EQ(name_of(claims.platform_tcb()->status), text_at(expected, "platform_tcb_status"));
  EXPECT_EQ(name_of(claims.quoting_enclave_tcb()->status), text_at(expected, "qe_tcb_status"));
  EXPECT_EQ(claims.tdx_module_tcb().has_value(), expected.contains("tdx_module_id"));
  if (const auto& module = claims.tdx_module_tcb()) {
    EXPECT_EQ(name_of(module->status), text_at(expected, "tdx_module_tcb_status"));
  }
  EXPECT_EQ(claims.advisories(), sorted_strings(expected.at("advisories")));
  EXPECT_EQ(claims.platform_advisories(), sorted_strings(expected.at("platform_advisories")));
  EXPECT_EQ(encode_hex(claims.report_data()), text_at(expected, "report_data"));
  EXPECT_EQ(format_rfc3339(claims.collateral_begins()), text_at(expected, "window_start"));
  EXPECT_EQ(format_rfc3339(claims.collateral_expires()), text_at(expected, "window_end"));
  EXPECT_LE(claims.tcb_evaluation_data_number(), expected.at("tcb_evaluation_data_number"));
  expect_attested(claims.attested(), expected);
}

// Beside a rejection stands what could be read before it.
void expect_findings(const Judgement& judgement, const Json& expected) {
  if (judgement.attested) {
    expect_attested(*judgement.attested, expected);
    EXPECT_EQ(encode_hex(judgement.report_data), text_at(expected, "report_data"));
  }
  EXPECT_EQ(judgement.tcb_status.has_value(), expected.contains("tcb_status"));
  if (judgement.tcb_status) {
    EXPECT_EQ(name_of(*judgement.tcb_status), text_at(expected, "tcb_status"));
    EXPECT_EQ(judgement.advisories, sorted_strings(expected.at("advisories")));
    EXPECT_EQ(judgement.platform_advisories, sorted_strings(expected.at("platform_advisories")));
  }
  EXPECT_EQ(judgement.window_start.has_value(), expected.contains("window_start"));
  if (judgement.window_start && expected.contains("window_start")) {
    EXPECT_EQ(format_rfc3339(*judgement.window_start), text_at(expected, "window_start"));
    EXPECT_EQ(format_rfc3339(*judgement.window_end), text_at(expected, "window_end"));
  }
}

std::vector<std::string> intel_vectors() {
  std::vector<std::string> names;
  for (const std::string& name : testing::dcap_vector_names()) {
    const Json manifest = load_dcap_vector(name).manifest;
    if (manifest.at("tee") != "snp" && manifest.at("kind") != "parser-set") names.push_back(name);
  }
  return names;
}

std::string test_name(std::string name) {
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

class DcapEvidence : public ::testing::TestWithParam<std::string> {
 protected:
  DcapEvidence() : vector_(load_dcap_vector(GetParam())) {
    // Intel's sample keeps its PCK chain beside the quote.
    vector_.collateral.pck_chain = testing::load_dcap_file(GetParam(), "pck_chain.pem");
  }
  Vector vector_;
};

TEST_P(DcapEvidence, GetTheVerdictOfTheirManifest) {
  const Judgement judgement = judge_at(vector_, text_at(vector_.manifest, "verify_at"));
  const Json& expected = vector_.manifest.at("expected");
  if (expected.at("result") == "verified") {
    ASSERT_TRUE(judgement.claims.ok()) << judgement.claims.error();
    EXPECT_FALSE(judgement.reason.has_value());
    expect_claims(*judgement.claims, expected);
  } else {
    ASSERT_FALSE(judgement.claims.ok());
    EXPECT_EQ(name_of(judgement.reason.value()), text_at(expected, "reason"))
        << judgement.claims.error();
    expect_findings(judgement, expected);
  }
}

TEST_P(DcapEvidence, AreRefusedJustOutsideTheirWindow) {
  const Json& expected = vector_.manifest.at("expected");
  for (const Json& time_case : vector_.manifest.value("time_cases", Json::array())) {
    const Judgement judgement = judge_at(vector_, text_at(time_case, "at"));
    ASSERT_FALSE(judgement.claims.ok());
    EXPECT_EQ(judgement.claims.error().code, ErrorCode::Untrusted);
    EXPECT_EQ(name_of(judgement.reason.value()), text_at(time_case, "reason"))
        << judgement.claims.error();
  }
  if (expected.at("result") != "verified") return;
  const auto from = parse_rfc3339(text_at(expected, "window_start")).value();
  const auto until = parse_rfc3339(text_at(expected, "window_end")).value();
  for (const TimePoint inside : {from, until}) {
    EXPECT_TRUE(judge_at(vector_, format_rfc3339(inside)).claims.ok());
  }
  for (const TimePoint outside : {from - Duration(1000), until + Duration(1000)}) {
    EXPECT_FALSE(judge_at(vector_, format_rfc3339(outside)).claims.ok());
  }
}

TEST_P(DcapEvidence, AreRefusedUnderAnotherRoot) {
  const RootKey other = crypto::EcdsaPrivateKey::generate().public_point();
  const auto at = parse_rfc3339(text_at(vector_.manifest, "verify_at")).value();
  const auto claims = verify_quote(vector_.quote, vector_.collateral, {&other, 1}, at);
  EXPECT_FALSE(claims.ok());
  EXPECT_FALSE(verify_quote(vector_.quote, vector_.collateral, {}, at).ok());
}

// Nothing that decides on a key may pass over a missing list of revoked CAs.
TEST_P(DcapEvidence, WithoutARootCaCrlAreRefused) {
  vector_.collateral.root_ca_crl.clear();
  const auto at = parse_rfc3339(text_at(vector_.manifest, "verify_at")).value();
  EXPECT_FALSE(verify_quote(vector_.quote, vector_.collateral, roots_of(vector_), at).ok());
}

INSTANTIATE_TEST_SUITE_P(All, DcapEvidence, ::testing::ValuesIn(intel_vectors()),
                         [](const auto& vector) { return test_name(vector.param); });

TEST(SgxVectors, OfIntelsSamplesAreRefusedUnderIntelsProductionRoot) {
  Vector vector = load_dcap_vector("sgx3-own-root");
  vector.collateral.pck_chain = testing::load_dcap_file(vector.name, "pck_chain.pem");
  const RootKey root = intel_root_key();
  const auto at = parse_rfc3339(text_at(vector.manifest, "verify_at")).value();
  const Judgement judgement = judge_quote(vector.quote, vector.collateral, {&root, 1}, at);
  EXPECT_EQ(judgement.reason, Reason::UntrustedChain);
}

TEST(SgxVectors, NameTheirCollateral) {
  const auto platform = find_collateral_key(load_dcap_vector("sgx3-platform-tcbinfo-v2").quote);
  EXPECT_EQ(platform.value().ca, "platform");
  EXPECT_EQ(encode_hex(platform.value().fmspc), "00606a000000");
  const auto processor = find_collateral_key(load_dcap_vector("sgx3-cfgswhardening").quote);
  EXPECT_EQ(processor.value().ca, "processor");
  EXPECT_EQ(encode_hex(processor.value().fmspc), "00a067110000");
  EXPECT_FALSE(find_collateral_key(load_dcap_vector("sgx3-cert-type-3").quote).ok());
  EXPECT_FALSE(find_collateral_key({}).ok());
}

TEST(TdxVectors, AreTakenForTrustDomainsOnly) {
  const Vector vector = load_dcap_vector("tdx4-uptodate");
  const auto at = parse_rfc3339(text_at(vector.manifest, "verify_at")).value();
  const auto collateral = VerifiedCollateral::verify(vector.collateral, roots_of(vector)).value();
  const Claims claims = verify_quote(vector.quote, collateral, at).value();
  EXPECT_EQ(claims.tee(), TeeType::Tdx);
  EXPECT_EQ(claims.find_enclave(), nullptr);
  EXPECT_EQ(claims.find_guest(), nullptr);
  EXPECT_EQ(claims.measurement().size(), 48u);
}

TEST(FindTee, TellsEachKindOfEvidence) {
  for (const std::string& name : testing::dcap_vector_names()) {
    const Vector vector = load_dcap_vector(name);
    if (vector.quote.empty()) continue;
    EXPECT_EQ(name_of(find_tee(vector.quote).value()), text_at(vector.manifest, "tee")) << name;
  }
}

TEST(FindTee, RefusesWhatIsNoEvidence) {
  for (const char* hex : {"", "030002", "0300020000000", "3c21646f63747970", "0600020000000000",
                          "0300020000000001", "0600000000000000", "0000000000000000"}) {
    EXPECT_FALSE(find_tee(decode_hex(hex).ok() ? decode_hex(hex).value() : Bytes()).ok()) << hex;
  }
}

TEST(SnpVectors, AreNoQuotes) {
  const Vector vector = load_dcap_vector("snp-milan-vcek");
  const RootKey root = intel_root_key();
  const auto claims = verify_quote(vector.quote, {}, {&root, 1}, TimePoint());
  ASSERT_FALSE(claims.ok());
  EXPECT_EQ(claims.error().code, ErrorCode::Untrusted);
  EXPECT_NE(claims.error().message.find("SEV-SNP"), std::string::npos);
  EXPECT_NE(find_collateral_key(vector.quote).error().message.find("SEV-SNP"), std::string::npos);
}

TEST(SgxVectors, AreVerifiedAlikeWithCollateralThatWasVerifiedBefore) {
  const Vector vector = load_dcap_vector("sgx3-cfgswhardening");
  const auto at = parse_rfc3339(text_at(vector.manifest, "verify_at")).value();
  const auto collateral = VerifiedCollateral::verify(vector.collateral, roots_of(vector)).value();
  expect_claims(verify_quote(vector.quote, collateral, at).value(), vector.manifest.at("expected"));
  EXPECT_FALSE(verify_quote(vector.quote, collateral, collateral.expires() + Duration(1)).ok());
  EXPECT_FALSE(verify_quote(vector.quote, collateral, collateral.begins() - Duration(1)).ok());
  // Now that the collateral remembers the machine's chain, other quotes of it are judged as before.
  Bytes changed = vector.quote;
  changed[48 + 64] ^= 1;
  EXPECT_FALSE(verify_quote(changed, collateral, at).ok());
  expect_claims(verify_quote(vector.quote, collateral, at).value(), vector.manifest.at("expected"));
  EXPECT_FALSE(verify_quote(vector.quote, collateral, collateral.expires() + Duration(1)).ok());
  const Vector other = load_dcap_vector("sgx3-platform-tcbinfo-v2");
  EXPECT_FALSE(verify_quote(other.quote, collateral, at).ok());
}

TEST(SgxVectors, AreVerifiedOnManyThreadsAtOnce) {
  const Vector vector = load_dcap_vector("sgx3-cfgswhardening");
  const auto at = parse_rfc3339(text_at(vector.manifest, "verify_at")).value();
  const auto collateral = VerifiedCollateral::verify(vector.collateral, roots_of(vector)).value();
  ThreadPool pool(4);
  pool.parallel_for(64, [&](std::size_t index) {
    Bytes quote = vector.quote;
    if (index % 2 == 1) quote[100] ^= 1;
    EXPECT_EQ(verify_quote(quote, collateral, at).ok(), index % 2 == 0);
  });
}

TEST(SgxVectors, WhoseRealMachineIsOldSayWhichPartIsShort) {
  const Vector vector = load_dcap_vector("sgx3-outofdate-2025");
  const Judgement judgement = judge_at(vector, text_at(vector.manifest, "verify_at"));
  ASSERT_TRUE(judgement.claims.ok());
  ASSERT_FALSE(judgement.claims->shortfalls().empty());
  for (const TcbShortfall& shortfall : judgement.claims->shortfalls()) {
    EXPECT_LT(shortfall.found, shortfall.wanted);
    EXPECT_FALSE(shortfall.part.empty());
  }
}

}  // namespace
}  // namespace torchkeep::attest
