#include <gmock/gmock.h>

#include "torchkeep/attest/quote.h"
#include "torchkeep/desk/verifier.h"
#include "torchkeep/keys/policy.h"
#include "torchkeep/simulator/machine.h"

#include "tests/cli/commands/invoke.h"
#include "tests/support/fake_platform.h"
#include "tests/support/files.h"

namespace torchkeep::cli {
namespace {

using ::testing::HasSubstr;
using testing::Said;

const Path kVectors = Path(TORCHKEEP_TESTS_FOLDER) / "attest/vectors/dcap";
const std::string kKeyServer(64, '1'), kCache(64, '2'), kWorker(64, '3');

class NewPolicy : public ::testing::Test {
 protected:
  NewPolicy() {
    desk::Verifier verifier;
    verifier.pccs = channel::parse_pccs_address("127.0.0.1:1").value();
    verifier.roots = {machine_.root_key()};
    EXPECT_TRUE(desk::store_verifier(folder_.path(), verifier).ok());
  }
  std::string output() const { return (folder_ / "policy.json").string(); }
  Said make(const std::string& worker, std::vector<std::string> more = {"--any-platform"}) {
    std::vector<std::string> arguments = {"policy",      "new",      "--keyserver", kKeyServer,
                                          "--cache",     kCache,     "--worker",    worker,
                                          "-o",          output(),   "--owner-folder",
                                          folder_.path().string()};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return testing::invoke(add_policy, std::move(arguments));
  }
  /// What was written, as everyone else reads it.
  keys::Policy written() const {
    const auto file = load_file(output(), 1 << 20).value();
    return keys::parse_policy(json::parse(as_text(file)).value()).value();
  }
  std::string quote_of(const attest::SgxEnclave& enclave) {
    EXPECT_TRUE(store_file(folder_ / "quote.bin", machine_.make_quote(enclave, {})).ok());
    return (folder_ / "quote.bin").string();
  }

  crypto::SystemRandom random_;
  simulator::Machine machine_ = simulator::Machine::create(random_, SystemClock().now());
  ::torchkeep::testing::TemporaryFolder folder_;
};

TEST_F(NewPolicy, NamesEnclavesByMeasurement) {
  const Said said = make(kWorker);
  ASSERT_EQ(said.status, 0) << said.error;
  const auto worker = std::get<attest::EnclaveRequirement>(written().workers.at(0));
  EXPECT_EQ(encode_hex(worker.mr_enclaves.at(0)), kWorker);
  EXPECT_FALSE(worker.attributes);
}

TEST_F(NewPolicy, TakesAnEnclavesMeasurementFromAQuote) {
  const auto enclave = ::torchkeep::testing::fake_enclave(0x33, 0x5403);
  const Said said = make(quote_of(enclave));
  ASSERT_EQ(said.status, 0) << said.error;
  const auto worker = std::get<attest::EnclaveRequirement>(written().workers.at(0));
  EXPECT_EQ(worker.mr_enclaves, std::vector{enclave.mr_enclave});
}

TEST_F(NewPolicy, NamesATrustDomainByAllThatItsQuoteTells) {
  const Bytes bytes = load_file(kVectors / "tdx5-td15-uptodate/quote.bin", 1 << 20).value();
  const attest::TdReport report = attest::parse_quote(bytes)->td.value();
  const Said said = make((kVectors / "tdx5-td15-uptodate/quote.bin").string());
  ASSERT_EQ(said.status, 0) << said.error;
  const auto worker = std::get<attest::TrustDomainRequirement>(written().workers.at(0));
  EXPECT_EQ(worker.mr_td, report.mr_td);
  EXPECT_EQ(worker.rtmrs, report.rtmrs);
  EXPECT_EQ(worker.td_attributes, report.td_attributes);
  EXPECT_EQ(worker.mr_service_td, report.later->mr_service_td);
}

TEST_F(NewPolicy, AsksForAttributesOfEveryEnclave) {
  const std::string value = "0500000000000000" + std::string(16, '0');
  const std::string mask = std::string(16, 'f') + std::string(16, '0');
  const Said said =
      make(kWorker, {"--any-platform", "--attributes", value, "--attributes-mask", mask});
  ASSERT_EQ(said.status, 0) << said.error;
  const keys::Policy policy = written();
  for (const auto* holders : {&policy.keyservers, &policy.caches, &policy.workers}) {
    const auto& enclave = std::get<attest::EnclaveRequirement>(holders->at(0));
    ASSERT_TRUE(enclave.attributes);
    EXPECT_EQ(encode_hex(enclave.attributes->value), value);
    EXPECT_EQ(encode_hex(enclave.attributes->mask), mask);
  }
}

TEST_F(NewPolicy, RefusesWhatNamesNobodyAndSaysWhy) {
  auto debug = ::torchkeep::testing::fake_enclave(0x33, 0x5403);
  debug.attributes[0] |= 2;
  const std::string snp = (kVectors / "snp-milan-vcek-b/quote.bin").string();
  const std::vector<std::pair<std::string, std::string>> wrong = {
      {std::string(63, '3'), "neither an MRENCLAVE"},
      {"no-such-quote.bin", "--worker no-such-quote.bin"},
      {output().substr(0, output().rfind('/')) + "/verifier.json", "--worker"},
      {quote_of(debug), "debug mode"},
      {snp, "no policy can name an AMD SEV-SNP report"}};
  for (const auto& [worker, complaint] : wrong) {
    const Said said = make(worker);
    EXPECT_NE(said.status, 0) << worker;
    EXPECT_THAT(said.error, HasSubstr(complaint));
    EXPECT_FALSE(std::filesystem::exists(output())) << worker;
  }
}

TEST_F(NewPolicy, RefusesPoliciesThatNobodyWouldTake) {
  const std::vector<std::pair<std::vector<std::string>, std::string>> wrong = {
      {{}, "--any-platform"},
      {{"--platform", "00ff"}, "platforms"},
      {{"--any-platform", "--tcb-status", "Revoked"}, "Revoked"},
      {{"--any-platform", "--tcb-status", "Fine"}, "Fine"},
      {{"--any-platform", "--lease", "0"}, "lease_seconds"},
      {{"--any-platform", "--attributes", "05"}, "--attributes"},
      {{"--any-platform", "--attributes", "0700000000000000" + std::string(16, '0')}, "debug"},
      {{"--any-platform", "--attributes-mask", std::string(32, 'f')}, "--attributes"}};
  for (const auto& [more, complaint] : wrong) {
    const Said said = make(kWorker, more);
    EXPECT_NE(said.status, 0) << complaint;
    EXPECT_THAT(said.error, HasSubstr(complaint));
    EXPECT_FALSE(std::filesystem::exists(output())) << complaint;
  }
}

}  // namespace
}  // namespace torchkeep::cli
