#include "torchkeep/keys/policy.h"

#include <functional>

#include <gtest/gtest.h>

#include "torchkeep/attest/collateral.h"
#include "torchkeep/crypto/digest.h"

#include "tests/support/fake_owner.h"

namespace torchkeep::keys {
namespace {

using testing::fake_policy;

TEST(PolicyDocument, ReadsBackAsWritten) {
  Policy policy = fake_policy();
  policy.lease_requests = 1000;
  policy.offline_grace_seconds = 600;
  policy.offline_restart = true;
  policy.any_client = true;
  policy.operator_mode = true;
  policy.not_before = parse_rfc3339("2026-01-01T00:00:00Z").value();
  policy.not_after = parse_rfc3339("2027-01-01T00:00:00Z").value();
  const auto read = parse_policy(encode(policy));
  ASSERT_TRUE(read) << read.error();
  EXPECT_EQ(encode(*read), encode(policy));
  EXPECT_EQ(policy_hash(*read), policy_hash(policy));
  EXPECT_EQ(read->lease_requests, 1000u);
  EXPECT_EQ(read->offline_grace_seconds, 600u);
  EXPECT_TRUE(read->offline_restart);
  EXPECT_TRUE(read->any_client);
  EXPECT_TRUE(read->operator_mode);
  EXPECT_EQ(read->not_before, policy.not_before);
  EXPECT_EQ(read->not_after, policy.not_after);
}

TEST(PolicyDocument, MeansTheStrictestByWhatItLeavesOut) {
  json::Json document = encode(fake_policy());
  for (const char* field :
       {"offline_grace_seconds", "offline_restart", "any_client", "operator_mode"}) {
    document.erase(field);
  }
  const auto read = parse_policy(document);
  ASSERT_TRUE(read) << read.error();
  EXPECT_EQ(read->offline_grace_seconds, 0u);
  EXPECT_FALSE(read->offline_restart);
  EXPECT_FALSE(read->any_client);
  EXPECT_FALSE(read->operator_mode);
}

void change(attest::HolderRequirement& holder) {
  std::get<attest::EnclaveRequirement>(holder).mr_enclaves[0][0] ^= 1;
}

TEST(PolicyHash, DiffersWithEveryClause) {
  const Digest256 hash = policy_hash(fake_policy());
  const std::vector<std::function<void(Policy&)>> changes = {
      [](Policy& p) { p.platform.roots[0][0] ^= 1; },
      [](Policy& p) { change(p.keyservers[0]); },
      [](Policy& p) { change(p.caches[0]); },
      [](Policy& p) { change(p.workers[0]); },
      [](Policy& p) { ++p.lease_seconds; },
      [](Policy& p) { ++p.lease_requests; },
      [](Policy& p) { ++p.offline_grace_seconds; },
      [](Policy& p) { p.offline_restart = true; },
      [](Policy& p) { p.any_client = true; },
      [](Policy& p) { p.operator_mode = true; },
      [](Policy& p) { p.not_before = TimePoint{}; },
      [](Policy& p) { p.not_after = TimePoint{}; },
  };
  for (const auto& apply : changes) {
    Policy other = fake_policy();
    apply(other);
    EXPECT_NE(policy_hash(other), hash);
  }
}

struct Refused {
  const char* name;
  std::function<void(json::Json&)> spoil;
  const char* says;
};

class RefusedPolicies : public ::testing::TestWithParam<Refused> {};

TEST_P(RefusedPolicies, AreMalformedAndNamed) {
  json::Json document = encode(fake_policy());
  GetParam().spoil(document);
  const auto read = parse_policy(document);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, ErrorCode::Malformed);
  EXPECT_NE(read.error().message.find(GetParam().says), std::string::npos) << read.error();
}

const std::string kIntelRoot = encode_hex(crypto::sha256(attest::intel_root_key()));

INSTANTIATE_TEST_SUITE_P(
    Keys, RefusedPolicies,
    ::testing::Values(
        Refused{"NoObject", [](auto& d) { d = "policy"; }, "policy"},
        Refused{"UnknownField", [](auto& d) { d["debug"] = true; }, "debug"},
        Refused{"NoFormat", [](auto& d) { d.erase("format"); }, "format"},
        Refused{"LaterFormat", [](auto& d) { d["format"] = 2u; }, "format 2"},
        Refused{"NoRollback", [](auto& d) { d.erase("rollback"); }, R"("rollback":"accepted")"},
        Refused{"RollbackRefused", [](auto& d) { d["rollback"] = "refused"; }, "rollback"},
        Refused{"RollbackIsTrue", [](auto& d) { d["rollback"] = true; }, "rollback"},
        Refused{"NoPlatform", [](auto& d) { d.erase("platform"); }, "platform"},
        Refused{"PlatformIsText", [](auto& d) { d["platform"] = "sgx"; }, "policy.platform"},
        Refused{"UnknownPlatformField", [](auto& d) { d["platform"]["more"] = 1u; }, "more"},
        Refused{"NoRoots", [](auto& d) { d["platform"]["roots"] = json::Json::array(); }, "root"},
        Refused{"IntelsRootInASimulation",
                [](auto& d) { d["platform"]["roots"].push_back(kIntelRoot); }, "simulat"},
        Refused{"NoKeyServers", [](auto& d) { d["keyservers"] = json::Json::array(); },
                "keyservers"},
        Refused{"KeyServersMissing", [](auto& d) { d.erase("keyservers"); }, "keyservers"},
        Refused{"NoCaches", [](auto& d) { d["caches"] = json::Json::array(); }, "caches"},
        Refused{"NoWorkers", [](auto& d) { d["workers"] = json::Json::array(); }, "workers"},
        Refused{"TooManyWorkers",
                [](auto& d) {
                  while (d["workers"].size() <= 64) d["workers"].push_back(d["workers"][0]);
                },
                "workers"},
        Refused{"WorkerIsEmpty", [](auto& d) { d["workers"][0] = json::Json::object(); },
                "policy.workers[0]"},
        Refused{"SecondWorkerIsText", [](auto& d) { d["workers"].push_back("any"); },
                "policy.workers[1]"},
        Refused{"NoLease", [](auto& d) { d.erase("lease_seconds"); }, "lease_seconds"},
        Refused{"LeaseOfNoTime", [](auto& d) { d["lease_seconds"] = 0u; }, "lease_seconds"},
        Refused{"LeaseOverAMonth", [](auto& d) { d["lease_seconds"] = 2'592'001u; },
                "lease_seconds"},
        Refused{"LeaseIsNegative", [](auto& d) { d["lease_seconds"] = -1; }, "lease_seconds"},
        Refused{"LeaseIsAFraction", [](auto& d) { d["lease_seconds"] = 0.5; }, "lease_seconds"},
        Refused{"LeaseIsText", [](auto& d) { d["lease_seconds"] = "3600"; }, "lease_seconds"},
        Refused{"RequestsUnsaid", [](auto& d) { d.erase("lease_requests"); }, "lease_requests"},
        Refused{"RequestsBeyondCounting", [](auto& d) { d["lease_requests"] = ~std::uint64_t{0}; },
                "lease_requests"},
        Refused{"GraceOverAMonth", [](auto& d) { d["offline_grace_seconds"] = 2'592'001u; },
                "offline_grace_seconds"},
        Refused{"RestartIsANumber", [](auto& d) { d["offline_restart"] = 1u; }, "offline_restart"},
        Refused{"ClientIsNull", [](auto& d) { d["any_client"] = nullptr; }, "any_client"},
        Refused{"BeginningIsANumber", [](auto& d) { d["not_before"] = 5u; }, "not_before"},
        Refused{"EndIsNoTime", [](auto& d) { d["not_after"] = "never"; }, "not_after"},
        Refused{"EndInAnotherZone", [](auto& d) { d["not_after"] = "2027-01-01T00:00:00+01:00"; },
                "not_after"},
        Refused{"EndsBeforeItBegins",
                [](auto& d) {
                  d["not_before"] = "2027-01-01T00:00:00Z";
                  d["not_after"] = "2026-01-01T00:00:00Z";
                },
                "not_after"}),
    [](const auto& param) { return param.param.name; });

}  // namespace
}  // namespace torchkeep::keys
