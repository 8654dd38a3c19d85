#include "torchkeep/attest/appraise.h"

#include <functional>

#include <gtest/gtest.h>

#include "tests/attest/appraise_case.h"

namespace torchkeep::attest {
namespace {

using testing::Case;

struct Fit {
  const char* name;
  std::function<void(Case&)> arrange;
};
class Fits : public ::testing::TestWithParam<Fit> {};

TEST_P(Fits, AreAllowed) {
  Case appraised;
  GetParam().arrange(appraised);
  const auto result = appraised.appraise();
  EXPECT_TRUE(result.ok()) << result.error();
}

INSTANTIATE_TEST_SUITE_P(
    All, Fits,
    ::testing::Values(
        Fit{"TheListedEnclave", [](Case&) {}},
        Fit{"TheListedAttributes",
            [](Case& c) { c.workers[0].attributes.emplace().value = c.machine.report.attributes; }},
        Fit{"AnyAttributesThatTheMaskLeavesOut",
            [](Case& c) {
              auto& wanted = c.workers[0].attributes.emplace();
              wanted.mask = {};
              wanted.mask[0] = 0x02;
            }},
        Fit{"TheSecondListedMeasurement",
            [](Case& c) {
              c.workers[0].mr_enclaves.insert(c.workers[0].mr_enclaves.begin(), Digest256{});
            }},
        Fit{"TheSecondRequirement",
            [](Case& c) {
              c.workers.insert(c.workers.begin(), EnclaveRequirement{{Digest256{}}, {}, 0, 0});
            }},
        Fit{"SignerProductAndLeastSvn", [](Case& c) { c.name_by_signer(); }},
        Fit{"TheListedTrustDomain", [](Case& c) { c.start_trust_domain(5); }},
        Fit{"TheListedTrustDomainThatCannotMigrateByAnOldQuote",
            [](Case& c) { c.start_trust_domain(4); }},
        Fit{"TheTrustDomainOfTheSecondRequirement",
            [](Case& c) {
              c.start_trust_domain(5);
              c.domains.insert(c.domains.begin(), TrustDomainRequirement{});
            }},
        Fit{"ATrustDomainBesideAnEnclave",
            [](Case& c) {
              c.start_trust_domain(5);
              c.workers = {EnclaveRequirement{{Digest256{}}, {}, 0, 0}};
            }},
        Fit{"SignerProductAndHigherSvn",
            [](Case& c) {
              c.name_by_signer();
              c.machine.report.isv_svn = 4;
            }},
        Fit{"AcceptedStatusWithAcceptedAdvisory",
            [](Case& c) {
              c.make_out_of_date();
              c.platform.tcb_statuses.push_back(TcbStatus::OutOfDate);
              c.platform.accepted_advisories = {"INTEL-SA-00615"};
            }},
        Fit{"AListedMachine",
            [](Case& c) {
              c.platform.any_platform = false;
              c.platform.platforms = {to_bytes(*c.machine.machine.platform_instance_id)};
            }},
        Fit{"AMachineWithoutInstanceIdByItsPpid",
            [](Case& c) {
              c.platform.any_platform = false;
              c.machine.machine.platform_instance_id.reset();
              c.machine.machine.ppid.fill(5);
              c.platform.platforms = {Bytes(16, 5)};
            }},
        Fit{"CollateralAsOldAsAllowed",
            [](Case& c) { c.platform.max_collateral_age_seconds = 86400; }},
        Fit{"TheLeastEvaluationNumber",
            [](Case& c) { c.platform.min_tcb_evaluation_data_number = 17; }}),
    [](const auto& fit) { return std::string(fit.param.name); });

std::string failures(const std::vector<Clause>& clauses) {
  std::string out;
  for (const Clause& clause : clauses) {
    EXPECT_FALSE(clause.found.empty() || clause.wanted.empty()) << clause.name;
    EXPECT_EQ(clause.way_out.empty(), clause.held) << clause.name;
    if (!clause.held) out += clause.name + " ";
  }
  return out;
}

TEST(Examination, ListsEveryClauseOfTheClosestRequirement) {
  Case enclave;
  enclave.name_by_signer();
  EXPECT_EQ(enclave.examine().size(), 1u + 3u + 8u);  // debug, the enclave's, the platform's
  EXPECT_EQ(failures(enclave.examine()), "");
  Case domain;
  domain.start_trust_domain(5);
  EXPECT_EQ(domain.examine().size(), 1u + 10u + 8u);
  EXPECT_EQ(failures(domain.examine()), "");
}

TEST(Examination, NamesAllThatFailsAndNotOnlyTheFirst) {
  Case appraised;
  appraised.name_by_signer().min_isv_svn = 4;
  appraised.workers[0].isv_prod_id = 8;
  appraised.machine.qe_report.isv_svn = 6;
  appraised.platform.min_tcb_evaluation_data_number = 18;
  EXPECT_EQ(failures(appraised.examine()),
            "workers[0].isv_prod_id workers[0].min_isv_svn platform.tcb_statuses "
            "platform.min_tcb_evaluation_data_number ");
}

// A real policy accepts no evidence under another root than Intel's, even if it lists it.
TEST(RealPolicy, NeverAcceptsASimulatedRootThatItLists) {
  Case appraised;
  appraised.platform.simulated = false;
  const auto result = appraised.appraise();
  ASSERT_FALSE(result.ok());
  EXPECT_NE(result.error().message.find("platform.simulated"), std::string::npos);
}

}  // namespace
}  // namespace torchkeep::attest
