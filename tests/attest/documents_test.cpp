#include <functional>

#include <gtest/gtest.h>

#include "torchkeep/attest/platform_tcb.h"
#include "torchkeep/attest/qe_identity.h"
#include "torchkeep/attest/tcb_info.h"

#include "tests/attest/forger.h"
#include "tests/attest/vectors.h"

// What Intel's signed documents may look like, and what not.
namespace torchkeep::attest {
namespace {

using json::Json;
using testing::Forger;

TEST(TcbInfo, OfThePublicParserSetIsReadOrRefusedAsItSays) {
  const Json cases =
      json::parse(as_text(testing::load_dcap_file("parse-tcb-info-v2", "manifest.json")))
          .value()
          .at("cases");
  EXPECT_EQ(cases.size(), 22u);
  for (const auto& [file, verdict] : cases.items()) {
    const auto parsed = parse_tcb_info(testing::load_dcap_file("parse-tcb-info-v2", file));
    EXPECT_EQ(parsed.ok(), verdict.at("schema_valid")) << file;
    EXPECT_TRUE(parsed.ok() || parsed.error().code == ErrorCode::Malformed) << file;
  }
}

TEST(TcbInfo, OfEveryVectorIsRead) {
  std::size_t documents = 0;
  for (const std::string& name : testing::dcap_vector_names()) {
    const testing::Vector vector = testing::load_dcap_vector(name);
    if (vector.collateral.tcb_info.empty()) continue;
    const auto info = parse_tcb_info(vector.collateral.tcb_info);
    ASSERT_TRUE(info.ok()) << name << ": " << info.error();
    EXPECT_EQ(info->kind == TcbInfoKind::Tdx, info->tdx_module.has_value());
    for (const TcbLevel& level : info->levels) {
      EXPECT_EQ(level.tdx_components.has_value(), info->kind == TcbInfoKind::Tdx);
    }
    const auto identity = parse_qe_identity(vector.collateral.qe_identity);
    ASSERT_TRUE(identity.ok()) << name << ": " << identity.error();
    ++documents;
  }
  EXPECT_GE(documents, 30u);
}

struct Edit {
  const char* name;
  std::function<void(Json&)> edit;
  const char* complaint;
};
std::string edit_name(const ::testing::TestParamInfo<Edit>& edit) { return edit.param.name; }

class BadTcbInfos : public ::testing::TestWithParam<Edit> {};

TEST_P(BadTcbInfos, AreRefusedByName) {
  Forger forger;
  GetParam().edit(forger.tcb_info);
  const auto info = parse_tcb_info(forger.sign_document("tcbInfo", forger.tcb_info));
  ASSERT_FALSE(info.ok());
  EXPECT_EQ(info.error().code, ErrorCode::Malformed);
  EXPECT_NE(info.error().message.find(GetParam().complaint), std::string::npos) << info.error();
}

Json& first_tcb(Json& info) { return info["tcbLevels"][0]["tcb"]; }

Json module_identity(const char* id) {
  return {{"id", id},
          {"mrsigner", std::string(96, '0')},
          {"attributes", "0000000000000000"},
          {"attributesMask", "FFFFFFFFFFFFFFFF"},
          {"tcbLevels", {testing::qe_level(4, "UpToDate")}}};
}

void make_tdx(Json& info) {
  info["id"] = "TDX";
  info["tdxModule"] = module_identity("TDX_00");
  for (Json& level : info["tcbLevels"]) {
    level["tcb"]["tdxtcbcomponents"] = level["tcb"]["sgxtcbcomponents"];
  }
}

INSTANTIATE_TEST_SUITE_P(
    All, BadTcbInfos,
    ::testing::Values(
        Edit{"Version1", [](Json& i) { i["version"] = 1u; }, "version 1"},
        Edit{"Version4", [](Json& i) { i["version"] = 4u; }, "version 4"},
        Edit{"NoId", [](Json& i) { i.erase("id"); }, "id"},
        Edit{"OtherId", [](Json& i) { i["id"] = "SNP"; }, "SNP"},
        Edit{"IdInVersion2", [](Json& i) { i["version"] = 2u; }, "id"},
        Edit{"FmspcTooShort", [](Json& i) { i["fmspc"] = "0102030405"; }, "fmspc"},
        Edit{"OtherTcbType", [](Json& i) { i["tcbType"] = 1u; }, "tcbType"},
        Edit{"DateWithoutZone", [](Json& i) { i["issueDate"] = "2026-01-01T00:00:00"; },
             "issueDate"},
        Edit{"NoLevels", [](Json& i) { i["tcbLevels"] = Json::array(); }, "tcbLevels is empty"},
        Edit{"UnknownStatus", [](Json& i) { i["tcbLevels"][1]["tcbStatus"] = "Fine"; },
             "tcbLevels[1]"},
        Edit{"StatusOfARelaunch",
             [](Json& i) { i["tcbLevels"][1]["tcbStatus"] = "TDRelaunchAdvised"; }, "tcbStatus"},
        Edit{"FifteenComponents", [](Json& i) { first_tcb(i)["sgxtcbcomponents"].erase(15); },
             "15 components"},
        Edit{"SeventeenComponents",
             [](Json& i) {
               first_tcb(i)["sgxtcbcomponents"].push_back({{"svn", 0u}});
             },
             "17 components"},
        Edit{"NoComponents", [](Json& i) { first_tcb(i).erase("sgxtcbcomponents"); },
             "sgxtcbcomponents"},
        Edit{"SvnAbove255", [](Json& i) { first_tcb(i)["sgxtcbcomponents"][2]["svn"] = 256u; },
             "svn"},
        Edit{"NegativeSvn", [](Json& i) { first_tcb(i)["sgxtcbcomponents"][2]["svn"] = -1; },
             "svn"},
        Edit{"PceSvnAbove16Bits", [](Json& i) { first_tcb(i)["pcesvn"] = 65536u; }, "pcesvn"},
        Edit{"AdvisoriesNoArray", [](Json& i) { i["tcbLevels"][0]["advisoryIDs"] = "none"; },
             "advisoryIDs"},
        Edit{"TdxWithoutModule", [](Json& i) { make_tdx(i), i.erase("tdxModule"); }, "tdxModule"},
        Edit{"TdxWithoutComponents",
             [](Json& i) { make_tdx(i), first_tcb(i).erase("tdxtcbcomponents"); },
             "tdxtcbcomponents"},
        Edit{"TdxModuleTwice",
             [](Json& i) {
               make_tdx(i);
               i["tdxModuleIdentities"] = {module_identity("TDX_01"), module_identity("TDX_01")};
             },
             "TDX_01 again"},
        Edit{"ModuleStatusThatIsNone",
             [](Json& i) {
               make_tdx(i);
               i["tdxModuleIdentities"] = {module_identity("TDX_01")};
               i["tdxModuleIdentities"][0]["tcbLevels"][0]["tcbStatus"] = "ConfigurationNeeded";
             },
             "cannot be ConfigurationNeeded"}),
    edit_name);

class BadQeIdentities : public ::testing::TestWithParam<Edit> {};

TEST_P(BadQeIdentities, AreRefusedByName) {
  Forger forger;
  GetParam().edit(forger.qe_identity);
  const auto identity =
      parse_qe_identity(forger.sign_document("enclaveIdentity", forger.qe_identity));
  ASSERT_FALSE(identity.ok());
  EXPECT_EQ(identity.error().code, ErrorCode::Malformed);
  EXPECT_NE(identity.error().message.find(GetParam().complaint), std::string::npos)
      << identity.error();
}

INSTANTIATE_TEST_SUITE_P(
    All, BadQeIdentities,
    ::testing::Values(
        Edit{"Version1", [](Json& i) { i["version"] = 1u; }, "version 1"},
        Edit{"OfAVerificationEnclave", [](Json& i) { i["id"] = "QVE"; }, "QVE"},
        Edit{"ShortMask", [](Json& i) { i["miscselectMask"] = "FFFF"; }, "miscselectMask"},
        Edit{"NoAttributes", [](Json& i) { i.erase("attributes"); }, "attributes"},
        Edit{"ShortSigner", [](Json& i) { i["mrsigner"] = "aa"; }, "mrsigner"},
        Edit{"ProductAbove16Bits", [](Json& i) { i["isvprodid"] = 65536u; }, "isvprodid"},
        Edit{"NoLevels", [](Json& i) { i["tcbLevels"] = Json::array(); }, "tcbLevels is empty"},
        Edit{"StatusOfAPlatform",
             [](Json& i) { i["tcbLevels"][0]["tcbStatus"] = "SWHardeningNeeded"; },
             "SWHardeningNeeded"}),
    edit_name);

// The order in which a server lists levels is not what decides.
TEST(TcbLevels, AreTakenHighestFirst) {
  Forger forger;
  std::swap(forger.tcb_info["tcbLevels"][0], forger.tcb_info["tcbLevels"][1]);
  const auto info = parse_tcb_info(forger.sign_document("tcbInfo", forger.tcb_info)).value();
  EXPECT_EQ(info.levels[0].verdict.status, TcbStatus::UpToDate);
  const auto level = find_platform_level(forger.machine, nullptr, info);
  EXPECT_EQ(level.value()->verdict.status, TcbStatus::UpToDate);

  std::swap(forger.qe_identity["tcbLevels"][0], forger.qe_identity["tcbLevels"][1]);
  const auto identity =
      parse_qe_identity(forger.sign_document("enclaveIdentity", forger.qe_identity)).value();
  EXPECT_EQ(identity.levels[0].isv_svn, 8);
}

// A machine ahead in one component and behind in another has reached only what it has in all.
TEST(TcbLevels, FitComponentByComponent) {
  Forger forger;
  const auto info = parse_tcb_info(forger.sign_document("tcbInfo", forger.tcb_info)).value();
  PckExtension machine = forger.machine;
  machine.components.fill(200);
  machine.pce_svn = 12;
  EXPECT_EQ(find_platform_level(machine, nullptr, info).value()->verdict.status,
            TcbStatus::OutOfDate);
  machine.pce_svn = 13;
  EXPECT_EQ(find_platform_level(machine, nullptr, info).value()->verdict.status,
            TcbStatus::UpToDate);
  machine.components[7] = 0;
  EXPECT_FALSE(find_platform_level(machine, nullptr, info).ok());
}

struct Pair {
  TcbStatus platform;
  TcbStatus part;
  TcbStatus whole;
};

TEST(TcbStatus, OfTheWholeIsThatOfItsWorstPart) {
  using enum TcbStatus;
  const Pair pairs[] = {
      {UpToDate, UpToDate, UpToDate},
      {SWHardeningNeeded, UpToDate, SWHardeningNeeded},
      {UpToDate, OutOfDate, OutOfDate},
      {SWHardeningNeeded, OutOfDate, OutOfDate},
      {ConfigurationNeeded, OutOfDate, OutOfDateConfigurationNeeded},
      {ConfigurationAndSWHardeningNeeded, OutOfDate, OutOfDateConfigurationNeeded},
      {OutOfDate, OutOfDate, OutOfDate},
      {OutOfDateConfigurationNeeded, OutOfDate, OutOfDateConfigurationNeeded},
      {OutOfDateConfigurationNeeded, UpToDate, OutOfDateConfigurationNeeded},
      {Revoked, UpToDate, Revoked},
      {Revoked, OutOfDate, Revoked},
      {UpToDate, Revoked, Revoked},
      {OutOfDate, Revoked, Revoked},
  };
  for (const Pair& pair : pairs) {
    EXPECT_EQ(converge(pair.platform, pair.part), pair.whole)
        << name_of(pair.platform) << " with " << name_of(pair.part);
  }
}

TEST(TcbStatus, IsReadAsItIsWritten) {
  for (const char* name :
       {"UpToDate", "SWHardeningNeeded", "ConfigurationNeeded", "ConfigurationAndSWHardeningNeeded",
        "OutOfDate", "OutOfDateConfigurationNeeded", "Revoked"}) {
    EXPECT_EQ(name_of(find_tcb_status(name).value()), name);
  }
  EXPECT_FALSE(find_tcb_status("uptodate").has_value());
  EXPECT_FALSE(find_tcb_status("").has_value());
}

struct Document {
  const char* name;
  const char* text;
};
class OddDocuments : public ::testing::TestWithParam<Document> {};

TEST_P(OddDocuments, AreRefused) {
  const auto info = parse_tcb_info(as_bytes(GetParam().text));
  ASSERT_FALSE(info.ok());
  EXPECT_EQ(info.error().code, ErrorCode::Malformed);
}

// Two readings of one document are two documents.
INSTANTIATE_TEST_SUITE_P(
    All, OddDocuments,
    ::testing::Values(Document{"Empty", ""}, Document{"Html", "<html></html>"},
                      Document{"Array", "[]"}, Document{"NoSignature", R"({"tcbInfo":{}})"},
                      Document{"ShortSignature", R"({"tcbInfo":{},"signature":"00"})"},
                      Document{"NoObject", R"({"tcbInfo":7,"signature":"00"})"},
                      Document{"FieldTwice", R"({"tcbInfo":{},"tcbInfo":{},"signature":"00"})"},
                      Document{"Truncated", R"({"tcbInfo":{"version":3)"}),
    [](const auto& document) { return std::string(document.param.name); });

TEST(SignedDocument, KeepsTheBytesAsServedWhateverTheSpacing) {
  Forger forger;
  const std::string inner = forger.tcb_info.dump(3);
  const std::string signature(128, '1');
  const std::string outer =
      text("{ \"signature\" : \"", signature, "\",\n \"tcbInfo\" :\t", inner, " }\n");
  const auto info = parse_tcb_info(as_bytes(outer)).value();
  EXPECT_EQ(as_text(info.signed_bytes), inner);
}

TEST(SignedDocument, WithMoreOuterFieldsOrEscapedNamesIsRefused) {
  Forger forger;
  const std::string inner = forger.tcb_info.dump();
  const std::string signature(128, '1');
  const auto parse = [&](const char* name, const char* more) {
    return parse_tcb_info(
        as_bytes(text("{\"", name, "\":", inner, more, ",\"signature\":\"", signature, "\"}")));
  };
  EXPECT_TRUE(parse("tcbInfo", "").ok());
  EXPECT_FALSE(parse("tcbInfo", ",\"more\":1").ok());
  EXPECT_FALSE(parse("tcb\\u0049nfo", "").ok());
}

TEST(SignedDocument, MayHoldFieldsThatComeLater) {
  Forger forger;
  forger.tcb_info["later"] = {{"a", "}{\"\\\""}};
  forger.tcb_info["tcbLevels"][0]["tcb"]["later"] = 1;
  EXPECT_TRUE(parse_tcb_info(forger.sign_document("tcbInfo", forger.tcb_info)).ok());
}

TEST(SignedDocument, LargerThanAMebibyteIsRefused) {
  Forger forger;
  forger.tcb_info["later"] = std::string(1024 * 1024, 'a');
  EXPECT_FALSE(parse_tcb_info(forger.sign_document("tcbInfo", forger.tcb_info)).ok());
}

}  // namespace
}  // namespace torchkeep::attest
