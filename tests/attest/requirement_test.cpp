#include <functional>

#include <gtest/gtest.h>

#include "torchkeep/attest/appraise.h"
#include "torchkeep/base/encoding.h"

namespace torchkeep::attest {
namespace {

using json::Json;

const std::string kDigest(64, 'a');
const std::string kOtherDigest(64, 'b');

Json platform() {
  return {{"simulated", true},
          {"roots", {kDigest}},
          {"tcb_statuses", {"UpToDate", "SWHardeningNeeded"}},
          {"accepted_advisories", {"INTEL-SA-00615"}},
          {"min_tcb_evaluation_data_number", 17u},
          {"max_collateral_age_seconds", 3600u},
          {"any_platform", false},
          {"platforms", {std::string(32, 'c')}}};
}

TEST(PlatformRequirement, IsWrittenAsItWasRead) {
  const auto read = parse_platform_requirement(platform(), "platform");
  ASSERT_TRUE(read.ok()) << read.error();
  EXPECT_EQ(encode(*read), platform());
  EXPECT_EQ(read->tcb_statuses, (std::vector{TcbStatus::UpToDate, TcbStatus::SWHardeningNeeded}));
  EXPECT_EQ(encode_hex(read->roots.at(0)), kDigest);
}

TEST(PlatformRequirement, MayLeaveOutWhatLeftOutIsStrict) {
  Json value = platform();
  value.erase("accepted_advisories");
  value.erase("any_platform");
  const auto read = parse_platform_requirement(value, "platform");
  ASSERT_TRUE(read.ok()) << read.error();
  EXPECT_TRUE(read->accepted_advisories.empty());
  EXPECT_FALSE(read->any_platform);
}

TEST(EnclaveRequirement, ByMeasurementIsWrittenAsItWasRead) {
  const Json value = {{"mr_enclaves", {kDigest, kOtherDigest}}};
  const auto read = parse_enclave_requirement(value, "workers[0]");
  ASSERT_TRUE(read.ok()) << read.error();
  EXPECT_EQ(encode(*read), value);
}

TEST(EnclaveRequirement, BySignerIsWrittenAsItWasRead) {
  const Json value = {{"mr_signer", kDigest}, {"isv_prod_id", 0u}, {"min_isv_svn", 3u}};
  const auto read = parse_enclave_requirement(value, "workers[0]");
  ASSERT_TRUE(read.ok()) << read.error();
  EXPECT_EQ(encode(*read), value);
}

// Whoever fills in both at once would lose one of them without knowing.
TEST(EnclaveRequirement, OfBothKindsIsRefusedInsteadOfForgottenInPart) {
  EnclaveRequirement mixed{{Digest256{}}, Digest256{}, 1, 1};
  EXPECT_FALSE(parse_enclave_requirement(encode(mixed), "workers[0]").ok());
  mixed.mr_signer.reset();
  EXPECT_FALSE(parse_enclave_requirement(encode(mixed), "workers[0]").ok());
}

struct Bad {
  const char* name;
  std::function<void(Json&)> spoil;
  const char* complaint;
};

class BadPlatformRequirements : public ::testing::TestWithParam<Bad> {};

TEST_P(BadPlatformRequirements, AreRefusedByName) {
  Json value = platform();
  GetParam().spoil(value);
  const auto read = parse_platform_requirement(value, "policy.platform");
  ASSERT_FALSE(read.ok());
  EXPECT_EQ(read.error().code, ErrorCode::Malformed);
  EXPECT_NE(read.error().message.find("policy.platform"), std::string::npos) << read.error();
  EXPECT_NE(read.error().message.find(GetParam().complaint), std::string::npos) << read.error();
}

std::string bad_name(const ::testing::TestParamInfo<Bad>& bad) { return bad.param.name; }

INSTANTIATE_TEST_SUITE_P(
    All, BadPlatformRequirements,
    ::testing::Values(
        Bad{"NoObject", [](Json& p) { p = "any"; }, "object"},
        Bad{"UnknownField", [](Json& p) { p["debug"] = true; }, "debug"},
        Bad{"NoRootField", [](Json& p) { p.erase("roots"); }, "roots"},
        Bad{"NoRoots", [](Json& p) { p["roots"] = Json::array(); }, "roots is empty"},
        Bad{"ShortRoot", [](Json& p) { p["roots"] = {"abcd"}; }, "roots"},
        Bad{"RootTwice",
            [](Json& p) {
              p["roots"] = {kDigest, kDigest};
            },
            "twice"},
        Bad{"RootsNoArray", [](Json& p) { p["roots"] = kDigest; }, "roots"},
        Bad{"NoStatuses", [](Json& p) { p["tcb_statuses"] = Json::array(); },
            "tcb_statuses is empty"},
        Bad{"NoStatusField", [](Json& p) { p.erase("tcb_statuses"); }, "tcb_statuses"},
        Bad{"UnknownStatus", [](Json& p) { p["tcb_statuses"] = {"Fine"}; }, "Fine"},
        Bad{"RevokedAccepted", [](Json& p) { p["tcb_statuses"].push_back("Revoked"); }, "Revoked"},
        Bad{"SimulatedLeftOut", [](Json& p) { p.erase("simulated"); }, "simulated"},
        Bad{"NumberLeftOut", [](Json& p) { p.erase("min_tcb_evaluation_data_number"); },
            "min_tcb_evaluation_data_number"},
        Bad{"AgeLeftOut", [](Json& p) { p.erase("max_collateral_age_seconds"); },
            "max_collateral_age_seconds"},
        Bad{"NegativeAge", [](Json& p) { p["max_collateral_age_seconds"] = -1; },
            "max_collateral_age_seconds"},
        Bad{"NoMachines", [](Json& p) { p["platforms"] = Json::array(); }, "no machine would fit"},
        Bad{"AnyMachineAndAList", [](Json& p) { p["any_platform"] = true; }, "say one"},
        Bad{"ShortMachine", [](Json& p) { p["platforms"] = {"0011"}; }, "platforms"},
        Bad{"AdvisoriesNoStrings", [](Json& p) { p["accepted_advisories"] = {1}; },
            "accepted_advisories"},
        Bad{"TooManyAdvisories",
            [](Json& p) {
              for (int i = 0; i < 1025; ++i) p["accepted_advisories"].push_back(text("A", i));
            },
            "at most 1024"}),
    bad_name);

class BadEnclaveRequirements : public ::testing::TestWithParam<Bad> {};

TEST_P(BadEnclaveRequirements, AreRefusedByName) {
  Json value = {{"mr_enclaves", {kDigest}}};
  GetParam().spoil(value);
  const auto read = parse_enclave_requirement(value, "policy.workers[3]");
  ASSERT_FALSE(read.ok());
  EXPECT_EQ(read.error().code, ErrorCode::Malformed);
  EXPECT_NE(read.error().message.find("policy.workers[3]"), std::string::npos) << read.error();
  EXPECT_NE(read.error().message.find(GetParam().complaint), std::string::npos) << read.error();
}

INSTANTIATE_TEST_SUITE_P(
    All, BadEnclaveRequirements,
    ::testing::Values(
        Bad{"Empty", [](Json& e) { e = Json::object(); }, "mr_signer"},
        Bad{"NoMeasurements", [](Json& e) { e["mr_enclaves"] = Json::array(); },
            "mr_enclaves is empty"},
        Bad{"NoHex", [](Json& e) { e["mr_enclaves"] = {std::string(64, 'x')}; }, "mr_enclaves"},
        Bad{"MeasurementTwice",
            [](Json& e) {
              e["mr_enclaves"] = {kDigest, kDigest};
            },
            "twice"},
        Bad{"AllowDebug", [](Json& e) { e["debug"] = true; }, "debug"},
        Bad{"MeasurementAndSigner", [](Json& e) { e["mr_signer"] = kDigest; }, "mr_signer"},
        Bad{"SignerWithoutProduct",
            [](Json& e) {
              e = {{"mr_signer", kDigest}, {"min_isv_svn", 1u}};
            },
            "isv_prod_id"},
        Bad{"SignerWithoutSvn",
            [](Json& e) {
              e = {{"mr_signer", kDigest}, {"isv_prod_id", 1u}};
            },
            "min_isv_svn"},
        Bad{"ProductAbove16Bits",
            [](Json& e) {
              e = {{"mr_signer", kDigest}, {"isv_prod_id", 65536u}, {"min_isv_svn", 1u}};
            },
            "isv_prod_id"},
        Bad{"MaskWithoutAttributes",
            [](Json& e) { e["attributes_mask"] = std::string(32, 'f'); },
            "without attributes"},
        Bad{"ShortAttributes", [](Json& e) { e["attributes"] = "0500"; }, "attributes"},
        Bad{"DebugAttributes",
            [](Json& e) { e["attributes"] = "0700000000000000" + std::string(16, '0'); },
            "debug enclave"},
        Bad{"MaskOfNothing",
            [](Json& e) {
              e["attributes"] = std::string(32, '0');
              e["attributes_mask"] = std::string(32, '0');
            },
            "nothing would be asked for"},
        Bad{"AttributesBesideTheirMask",
            [](Json& e) {
              e["attributes"] = "0500000000000000" + std::string(16, '0');
              e["attributes_mask"] = "0100000000000000" + std::string(16, '0');
            },
            "byte 0"}),
    bad_name);

const std::string kLong(96, 'a');

Json trust_domain() {
  const std::string zero(96, '0');
  return {{"mr_td", kLong},
          {"rtmrs", {kLong, std::string(96, 'b'), std::string(96, 'c'), zero}},
          {"td_attributes", "0000001000000000"},
          {"mr_config_id", zero},
          {"mr_owner", zero},
          {"mr_owner_config", zero},
          {"mr_service_td", zero}};
}

TEST(HolderRequirement, IsWrittenAsItWasReadWhateverItsKind) {
  for (const Json& value : {trust_domain(), Json{{"mr_enclaves", {kDigest}}}}) {
    const auto read = parse_holder_requirement(value, "workers[0]");
    ASSERT_TRUE(read.ok()) << read.error();
    EXPECT_EQ(encode(*read), value);
  }
  EXPECT_TRUE(std::holds_alternative<TrustDomainRequirement>(
      parse_holder_requirement(trust_domain(), "workers[0]").value()));
}

// Each measurement may be where the program is, so none can be left out.
TEST(TrustDomainRequirement, HasNoFieldThatMayBeMissing) {
  const Json whole = trust_domain();
  for (const auto& [field, unused] : whole.items()) {
    Json value = trust_domain();
    value.erase(field);
    EXPECT_FALSE(parse_trust_domain_requirement(value, "workers[0]").ok()) << field;
    EXPECT_FALSE(parse_holder_requirement(value, "workers[0]").ok()) << field;
  }
}

class BadTrustDomainRequirements : public ::testing::TestWithParam<Bad> {};

TEST_P(BadTrustDomainRequirements, AreRefusedByName) {
  Json value = trust_domain();
  GetParam().spoil(value);
  const auto read = parse_holder_requirement(value, "policy.workers[3]");
  ASSERT_FALSE(read.ok());
  EXPECT_EQ(read.error().code, ErrorCode::Malformed);
  EXPECT_NE(read.error().message.find("policy.workers[3]"), std::string::npos) << read.error();
  EXPECT_NE(read.error().message.find(GetParam().complaint), std::string::npos) << read.error();
}

INSTANTIATE_TEST_SUITE_P(
    All, BadTrustDomainRequirements,
    ::testing::Values(
        Bad{"NoObject", [](Json& v) { v = "any"; }, "object"},
        Bad{"UnknownField", [](Json& v) { v["xfam"] = "00"; }, "xfam"},
        Bad{"EnclaveAsWell", [](Json& v) { v["mr_enclaves"] = {kDigest}; }, "mr_enclaves"},
        Bad{"SignerAsWell", [](Json& v) { v["mr_signer"] = kDigest; }, "mr_signer"},
        Bad{"DebugDomain", [](Json& v) { v["td_attributes"] = "0100001000000000"; }, "debug"},
        Bad{"ShortMeasurement", [](Json& v) { v["mr_td"] = kDigest; }, "mr_td"},
        Bad{"ThreeRtmrs", [](Json& v) { v["rtmrs"].erase(3); }, "rtmrs has 3"},
        Bad{"FiveRtmrs", [](Json& v) { v["rtmrs"].push_back(kLong); }, "rtmrs has 5"},
        Bad{"RtmrNoHex", [](Json& v) { v["rtmrs"][2] = std::string(96, 'x'); }, "rtmrs[2]"},
        Bad{"ServiceDomainNull", [](Json& v) { v["mr_service_td"] = nullptr; }, "mr_service_td"}),
    bad_name);

}  // namespace
}  // namespace torchkeep::attest
