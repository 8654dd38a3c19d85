#include <functional>

#include <gtest/gtest.h>

#include "torchkeep/attest/platform_tcb.h"

#include "tests/attest/forger.h"

// TDX's own rules: which module runs, how old it is, and whether starting anew would help.
namespace torchkeep::attest {
namespace {

using json::Json;
using testing::Forger;

Json tdx_level(std::uint8_t sgx_first, std::uint8_t microcode, const char* status) {
  Json level = testing::tcb_level(sgx_first, 13, status);
  Json components = Json::array();
  for (const std::uint8_t svn : {std::uint8_t{5}, std::uint8_t{0}, microcode}) {
    components.push_back({{"svn", svn}});
  }
  while (components.size() < 16) components.push_back({{"svn", 0u}});
  level["tcb"]["tdxtcbcomponents"] = components;
  return level;
}

Json module(const char* id) {
  return {
      {"id", id},
      {"mrsigner", std::string(96, '0')},
      {"attributes", "0000000000000000"},
      {"attributesMask", "FFFFFFFFFFFFFFFF"},
      {"tcbLevels",
       {testing::qe_level(6, "UpToDate"), testing::qe_level(4, "OutOfDate", {"INTEL-SA-01036"})}}};
}

/// A machine that is new, and a trust domain that began under an old module of version 1; the
/// module that runs now is the newest.
struct Domain {
  Forger forger;
  TdReport td;

  Domain() {
    Json& info = forger.tcb_info;
    info["id"] = "TDX";
    info["tdxModule"] = module("");
    info["tdxModuleIdentities"] = {module("TDX_01"), module("TDX_03")};
    info["tcbLevels"] = {tdx_level(5, 3, "UpToDate"), tdx_level(5, 2, "OutOfDate")};
    forger.qe_identity["id"] = "TD_QE";
    td.tee_tcb_svn = {4, 1, 3};
    td.later.emplace();
    td.later->tee_tcb_svn2 = {6, 1, 3};
  }
  TcbInfo info() const {
    return parse_tcb_info(forger.sign_document("tcbInfo", forger.tcb_info)).value();
  }
  Result<TcbStatus> status() const {
    const QeIdentity identity =
        parse_qe_identity(forger.sign_document("enclaveIdentity", forger.qe_identity)).value();
    Reason why{};
    const TcbInfo tcb_info = info();
    TRY(check_tdx_module(td, tcb_info));
    return TRY(judge_tcb(forger.machine, forger.qe_report, &td, tcb_info, identity, why)).status;
  }
};

struct Case {
  const char* name;
  std::function<void(Domain&)> arrange;
  TcbStatus status;
};
class TdxStatuses : public ::testing::TestWithParam<Case> {};

TEST_P(TdxStatuses, FollowTheirRules) {
  Domain domain;
  GetParam().arrange(domain);
  const auto status = domain.status();
  ASSERT_TRUE(status.ok()) << status.error();
  EXPECT_EQ(name_of(*status), name_of(GetParam().status));
}

INSTANTIATE_TEST_SUITE_P(
    All, TdxStatuses,
    ::testing::Values(
        Case{"NewModule", [](Domain& d) { d.td.tee_tcb_svn[0] = 6; }, TcbStatus::UpToDate},
        Case{"OldModuleOnANewMachine", [](Domain&) {}, TcbStatus::TDRelaunchAdvised},
        Case{"OldModuleOfABodyThatDoesNotTellWhatRunsNow", [](Domain& d) { d.td.later.reset(); },
             TcbStatus::OutOfDate},
        Case{"OldModuleThatStillRuns", [](Domain& d) { d.td.later->tee_tcb_svn2[0] = 5; },
             TcbStatus::OutOfDate},
        Case{"UnknownModuleRunsNow", [](Domain& d) { d.td.later->tee_tcb_svn2[1] = 2; },
             TcbStatus::OutOfDate},
        Case{"OldMicrocodeRunsNow", [](Domain& d) { d.td.later->tee_tcb_svn2[2] = 2; },
             TcbStatus::OutOfDate},
        Case{"ModuleOfTdx10RunsNow",
             [](Domain& d) {
               d.td.later->tee_tcb_svn2 = {5, 0, 3};
             },
             TcbStatus::TDRelaunchAdvised},
        Case{"OldModuleOfTdx10RunsNow",
             [](Domain& d) {
               d.td.later->tee_tcb_svn2 = {4, 0, 3};
             },
             TcbStatus::OutOfDate},
        Case{"OldQuotingEnclave", [](Domain& d) { d.forger.qe_report.isv_svn = 6; },
             TcbStatus::OutOfDate},
        Case{"MachineThatNeedsConfiguration",
             [](Domain& d) {
               d.forger.tcb_info["tcbLevels"][0]["tcbStatus"] = "ConfigurationNeeded";
             },
             TcbStatus::TDRelaunchAdvisedConfigurationNeeded},
        Case{"OldMachine",
             [](Domain& d) { d.forger.tcb_info["tcbLevels"] = {tdx_level(5, 3, "OutOfDate")}; },
             TcbStatus::OutOfDate},
        Case{"DomainThatBeganUnderOldMicrocode", [](Domain& d) { d.td.tee_tcb_svn[2] = 2; },
             TcbStatus::TDRelaunchAdvised},
        // The first two bytes are the module's own from 1.5 on: 4 is below the level's 5.
        Case{"FirstComponentsOfA15ModuleAreNotCompared",
             [](Domain& d) {
               d.forger.tcb_info["tdxModuleIdentities"][0]["tcbLevels"] = {
                   testing::qe_level(4, "UpToDate")};
             },
             TcbStatus::UpToDate},
        Case{"FirstComponentsOfA10ModuleAreCompared",
             [](Domain& d) {
               d.td.tee_tcb_svn = {5, 0, 3};
             },
             TcbStatus::UpToDate}),
    [](const auto& tdx) { return std::string(tdx.param.name); });

struct Refused {
  const char* name;
  std::function<void(Domain&)> arrange;
  const char* complaint;
};
class TdxRefusals : public ::testing::TestWithParam<Refused> {};

TEST_P(TdxRefusals, SayWhy) {
  Domain domain;
  GetParam().arrange(domain);
  const auto status = domain.status();
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code, ErrorCode::Untrusted);
  EXPECT_NE(status.error().message.find(GetParam().complaint), std::string::npos) << status.error();
}

INSTANTIATE_TEST_SUITE_P(
    All, TdxRefusals,
    ::testing::Values(
        Refused{"UnknownModule", [](Domain& d) { d.td.tee_tcb_svn[1] = 2; }, "version 2"},
        Refused{"ModuleOfAnotherSigner", [](Domain& d) { d.td.mr_signer_seam[47] = 1; },
                "MRSIGNERSEAM"},
        Refused{"ModuleOfAnotherSignerIn10",
                [](Domain& d) {
                  d.td.tee_tcb_svn = {5, 0, 3};
                  d.td.mr_signer_seam[0] = 1;
                },
                "MRSIGNERSEAM"},
        Refused{"DebugModule", [](Domain& d) { d.td.seam_attributes[0] = 1; }, "SEAMATTRIBUTES"},
        Refused{"DebugModuleThatIsListed",
                [](Domain& d) {
                  d.td.seam_attributes[0] = 1;
                  d.forger.tcb_info["tdxModuleIdentities"][0]["attributes"] = "0100000000000000";
                },
                "SEAMATTRIBUTES"},
        Refused{"ModuleBelowEveryLevel", [](Domain& d) { d.td.tee_tcb_svn[0] = 3; },
                "TDX module: ISVSVN: found 3, wanted at least 4"},
        Refused{"ComponentBelowEveryLevel", [](Domain& d) { d.td.tee_tcb_svn[2] = 1; },
                "TDX TCB component 3: found 1, wanted at least 2"},
        Refused{"ModuleOf10BelowEveryLevel",
                [](Domain& d) {
                  d.td.tee_tcb_svn = {4, 0, 3};
                },
                "TDX TCB component 1: found 4, wanted at least 5"},
        Refused{"RevokedModule",
                [](Domain& d) {
                  d.forger.tcb_info["tdxModuleIdentities"][0]["tcbLevels"] = {
                      testing::qe_level(4, "Revoked")};
                },
                "Revoked"},
        Refused{"RevokedQuotingEnclave",
                [](Domain& d) {
                  d.forger.qe_identity["tcbLevels"] = {testing::qe_level(8, "Revoked")};
                },
                "Revoked"}),
    [](const auto& refused) { return std::string(refused.param.name); });

}  // namespace
}  // namespace torchkeep::attest
