// What a policy denies, and in which words.
#include <functional>

#include <gtest/gtest.h>

#include "torchkeep/attest/appraise.h"

#include "tests/attest/appraise_case.h"

namespace torchkeep::attest {
namespace {

using testing::Case;
using testing::kDay;
using testing::kNow;

struct Misfit {
  const char* name;
  std::function<void(Case&)> arrange;
  const char* clause;
  std::vector<std::string> words;  ///< What the refusal must tell as well.
};
/// Of a trust domain whose quote is of version 5.
Misfit of_domain(const char* name, const std::function<void(Case&)>& arrange, const char* clause,
                 std::vector<std::string> words = {}) {
  const auto arrange_domain = [arrange](Case& c) {
    c.start_trust_domain(5);
    arrange(c);
  };
  return {name, arrange_domain, clause, std::move(words)};
}
class Misfits : public ::testing::TestWithParam<Misfit> {};

TEST_P(Misfits, AreDeniedWithTheirClause) {
  Case appraised;
  GetParam().arrange(appraised);
  const auto result = appraised.appraise();
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().code, ErrorCode::Denied);
  const std::string& message = result.error().message;
  EXPECT_EQ(message.find(text("clause ", GetParam().clause, ": found ")), 0u) << message;
  EXPECT_NE(message.find(", wanted "), std::string::npos) << message;
  EXPECT_NE(message.find("; "), std::string::npos) << message;
  for (const std::string& word : GetParam().words) {
    EXPECT_NE(message.find(word), std::string::npos) << word << " in: " << message;
  }
}

INSTANTIATE_TEST_SUITE_P(
    Enclave, Misfits,
    ::testing::Values(
        Misfit{"AnotherMeasurement",
               [](Case& c) { c.machine.report.mr_enclave[0] ^= 1; },
               "workers[0].mr_enclave",
               {"another program runs there"}},
        Misfit{"DebugThoughListed",
               [](Case& c) { c.machine.report.attributes[0] |= 2; },
               "workers[0].debug",
               {"DEBUG"}},
        Misfit{"DebugAndAnotherMeasurement",
               [](Case& c) {
                 c.machine.report.attributes[0] |= 2;
                 c.machine.report.mr_enclave[0] ^= 1;
               },
               "workers[0].debug",
               {"no policy accepts it"}},
        Misfit{"NoneListed", [](Case& c) { c.workers.clear(); }, "workers", {"empty"}},
        Misfit{"RequirementThatNamesNothing",
               [](Case& c) { c.workers[0].mr_enclaves.clear(); },
               "workers[0].mr_enclave",
               {}},
        Misfit{"AnotherSigner",
               [](Case& c) { (*c.name_by_signer().mr_signer)[0] ^= 1; },
               "workers[0].mr_signer",
               {}},
        Misfit{"AnotherProduct",
               [](Case& c) { c.name_by_signer().isv_prod_id = 8; },
               "workers[0].isv_prod_id",
               {"found 7, wanted 8"}},
        Misfit{"OldRelease",
               [](Case& c) { c.name_by_signer().min_isv_svn = 4; },
               "workers[0].min_isv_svn",
               {"found 3, wanted at least 4", "update"}},
        Misfit{"ClosestIsTheOneWithTheOldRelease",
               [](Case& c) {
                 EnclaveRequirement old = c.name_by_signer();
                 old.min_isv_svn = 4;
                 EnclaveRequirement other = old;
                 (*other.mr_signer)[0] ^= 1;
                 c.workers = {other, EnclaveRequirement{{Digest256{}}, {}, 0, 0}, old};
               },
               "workers[2].min_isv_svn",
               {}},
        Misfit{"OtherAttributes",
               [](Case& c) {
                 c.workers[0].attributes.emplace().value = c.machine.report.attributes;
                 c.machine.report.attributes[0] ^= 0x80;
                 c.machine.report.attributes[10] ^= 0x06;
               },
               "workers[0].attributes",
               {"KSS is", "XFRM AMX configuration is set, XFRM AMX tiles is set"}},
        Misfit{"OtherAttributesOfANamedSigner",
               [](Case& c) { c.name_by_signer().attributes.emplace().value[1] = 0x40; },
               "workers[0].attributes",
               {"bit 14 is not set"}},
        Misfit{"OneMaskedAttribute",
               [](Case& c) {
                 auto& wanted = c.workers[0].attributes.emplace();
                 wanted.mask = {};
                 wanted.mask[0] = wanted.value[0] = 0x10;
                 c.machine.report.attributes[0] &= 0xef;
               },
               "workers[0].attributes",
               {"PROVISIONKEY is not set", "where the mask"}}),
    [](const auto& misfit) { return std::string(misfit.param.name); });

INSTANTIATE_TEST_SUITE_P(
    TrustDomain, Misfits,
    ::testing::Values(
        of_domain("AnotherImage", [](Case& c) { c.td.mr_td[0] ^= 1; }, "workers[0].mr_td",
                  {"another firmware image"}),
        of_domain(
            "AnotherRtmr", [](Case& c) { c.td.rtmrs[3][47] ^= 1; }, "workers[0].rtmrs[3]"),
        of_domain(
            "OtherAttributes", [](Case& c) { c.td.td_attributes[7] ^= 0x80; },
            "workers[0].td_attributes"),
        of_domain("DebugDomain", [](Case& c) { c.td.td_attributes[0] |= 1; }, "workers[0].debug",
                  {"TDATTRIBUTES", "no policy accepts it"}),
        of_domain(
            "DebugDomainThatSomebodyListed",
            [](Case& c) {
              c.td.td_attributes[0] |= 1;
              c.domains[0].td_attributes = c.td.td_attributes;
            },
            "workers[0].debug"),
        of_domain(
            "OtherConfiguration", [](Case& c) { c.td.mr_config_id[0] = 1; },
            "workers[0].mr_config_id"),
        of_domain(
            "AnotherOwner", [](Case& c) { c.td.mr_owner[0] = 1; }, "workers[0].mr_owner"),
        of_domain(
            "AnotherOwnersConfiguration", [](Case& c) { c.td.mr_owner_config[0] = 1; },
            "workers[0].mr_owner_config"),
        of_domain(
            "AServiceDomain", [](Case& c) { c.td.later->mr_service_td[0] = 1; },
            "workers[0].mr_service_td"),
        Misfit{"AServiceDomainThatAnOldQuoteDoesNotTell",
               [](Case& c) {
                 c.start_trust_domain(4);
                 c.td.td_attributes[3] |= 0x20;
                 c.domains[0].td_attributes = c.td.td_attributes;
               },
               "workers[0].mr_service_td",
               {"can migrate", "version 5"}},
        Misfit{"ListedServiceDomainThatAnOldQuoteDoesNotTell",
               [](Case& c) {
                 c.start_trust_domain(4);
                 c.domains[0].mr_service_td[0] = 1;
               },
               "workers[0].mr_service_td",
               {}},
        of_domain(
            "ClosestIsTheOneOfTheSameImage",
            [](Case& c) {
              c.domains.insert(c.domains.begin(), TrustDomainRequirement{});
              c.td.rtmrs[1][0] ^= 1;
            },
            "workers[1].rtmrs[1]"),
        Misfit{"WhereOnlyEnclavesAreListed",
               [](Case& c) {
                 const auto enclaves = c.workers;
                 c.start_trust_domain(5);
                 c.domains.clear();
                 c.workers = enclaves;
               },
               "workers",
               {"TDX trust domain 0101", "wanted an SGX enclave"}},
        Misfit{"AnEnclaveWhereOnlyTrustDomainsAreListed",
               [](Case& c) {
                 c.workers.clear();
                 c.domains = {TrustDomainRequirement{}};
               },
               "workers",
               {"SGX enclave 0101", "wanted a TDX trust domain"}},
        of_domain(
            "OutOfDateMachine", [](Case& c) { c.machine.qe_report.isv_svn = 6; },
            "platform.tcb_statuses")),
    [](const auto& misfit) { return std::string(misfit.param.name); });

INSTANTIATE_TEST_SUITE_P(
    Platform, Misfits,
    ::testing::Values(
        Misfit{"AnotherRoot", [](Case& c) { c.root_listed = false; }, "platform.roots", {}},
        Misfit{"SimulatedForARealPolicy",
               [](Case& c) { c.platform.simulated = false; },
               "platform.simulated",
               {"simulated platform"}},
        Misfit{"OutOfDate",
               [](Case& c) { c.make_out_of_date(); },
               "platform.tcb_statuses",
               {"OutOfDate",
                "TCB component 1 (BIOS, Early Microcode Update): found 5, wanted at least 6",
                "INTEL-SA-00615", "update the machine's BIOS"}},
        Misfit{"StatusThatIsNotListed",
               [](Case& c) { c.platform.tcb_statuses.clear(); },
               "platform.tcb_statuses",
               {"UpToDate"}},
        Misfit{"OldQuotingEnclave",
               [](Case& c) { c.machine.qe_report.isv_svn = 6; },
               "platform.tcb_statuses",
               {"ISVSVN of the quoting enclave: found 6, wanted at least 8"}},
        Misfit{"OpenAdvisory",
               [](Case& c) {
                 c.make_out_of_date();
                 c.platform.tcb_statuses.push_back(TcbStatus::OutOfDate);
                 c.platform.accepted_advisories = {"INTEL-SA-00001"};
               },
               "platform.accepted_advisories",
               {"INTEL-SA-00615", "wanted INTEL-SA-00001"}},
        Misfit{"OldEvaluation",
               [](Case& c) { c.platform.min_tcb_evaluation_data_number = 18; },
               "platform.min_tcb_evaluation_data_number",
               {"found 17, wanted at least 18"}},
        Misfit{"OldEvaluationOfTheQuotingEnclave",
               [](Case& c) {
                 c.platform.min_tcb_evaluation_data_number = 17;
                 c.machine.qe_identity["tcbEvaluationDataNumber"] = 16;
               },
               "platform.min_tcb_evaluation_data_number",
               {"found 16, wanted at least 17"}},
        Misfit{"OldCollateral",
               [](Case& c) { c.platform.max_collateral_age_seconds = 86399; },
               "platform.max_collateral_age_seconds",
               {"found 86400", "at most 86399"}},
        Misfit{"CollateralThatExpiredSince",
               [](Case& c) { c.now = kNow + 31 * kDay; },
               "collateral",
               {"2026-12-22T10:00:00Z"}},
        Misfit{"AnotherMachine",
               [](Case& c) {
                 c.platform.any_platform = false;
                 c.platform.platforms = {Bytes(16, 3)};
               },
               "platform.platforms",
               {"0900", "0303"}},
        Misfit{"NoMachineListed",
               [](Case& c) { c.platform.any_platform = false; },
               "platform.platforms",
               {"none is listed"}}),
    [](const auto& misfit) { return std::string(misfit.param.name); });

}  // namespace
}  // namespace torchkeep::attest
