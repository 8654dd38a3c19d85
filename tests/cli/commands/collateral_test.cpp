#include <gmock/gmock.h>

#include "torchkeep/channel/collateral_cache.h"
#include "torchkeep/channel/collateral_folder.h"
#include "torchkeep/json/json.h"

#include "tests/channel/fake_pccs.h"
#include "tests/cli/commands/invoke.h"
#include "tests/support/files.h"

namespace torchkeep::cli {
namespace {

using ::testing::HasSubstr;
using testing::Said;

/// A machine of today, since commands go by the clock of the machine they run on.
class CollateralCommand : public ::testing::Test {
 protected:
  CollateralCommand() {
    store_root(machine_, "root.pem");
    store_collateral(machine_, "stick");
  }
  void store_root(const simulator::Machine& machine, const std::string& name) {
    ASSERT_TRUE(
        store_file(folder_ / name, as_bytes(crypto::encode_pem({machine.root_certificate()}))).ok());
  }
  Path store_collateral(const simulator::Machine& machine, const std::string& name) {
    EXPECT_TRUE(
        channel::store_collateral_folder(folder_ / name, machine.collateral(now_)).ok());
    return folder_ / name;
  }
  /// `arguments` behind "collateral", judged by this machine's root and kept in this test's cache.
  Said collateral(std::vector<std::string> arguments, const std::string& root = "root.pem") {
    arguments.insert(arguments.begin(), "collateral");
    arguments.insert(arguments.end(), {"--root", (folder_ / root).string(), "--cache",
                                       (folder_ / "cache").string(), "--owner-folder",
                                       (folder_ / "owner").string()});
    return testing::invoke(add_collateral, std::move(arguments));
  }
  std::string path(const std::string& name) const { return (folder_ / name).string(); }
  std::string fmspc() const { return encode_hex(machine_.collateral_key().fmspc); }
  std::string ca() const { return machine_.collateral_key().ca; }
  Said import_stick() { return collateral({"import", path("stick")}); }

  const TimePoint now_ = SystemClock().now();
  crypto::SystemRandom random_;
  simulator::Machine machine_ = simulator::Machine::create(random_, now_);
  ::torchkeep::testing::TemporaryFolder folder_;
};

TEST_F(CollateralCommand, CarriesDocumentsFromOneMachineToAnother) {
  const Said imported = import_stick();
  ASSERT_EQ(imported.status, 0) << imported.error;
  EXPECT_THAT(imported.output, HasSubstr("verifies, holds until "));
  ASSERT_EQ(collateral({"export", path("again")}).status, 0);
  const auto given = channel::load_collateral_folder(folder_ / "stick").value();
  const auto carried = channel::load_collateral_folder(folder_ / "again").value();
  EXPECT_EQ(carried.tcb_info, given.tcb_info);
  EXPECT_EQ(carried.pck_crl, given.pck_crl);
  EXPECT_EQ(carried.root_ca_crl, given.root_ca_crl);
}

TEST_F(CollateralCommand, ShowsDatesAndVerdictOfWhatIsCached) {
  ASSERT_EQ(import_stick().status, 0);
  const Said shown = collateral({"show", "--json"});
  ASSERT_EQ(shown.status, 0) << shown.error;
  const json::Json platforms = json::parse(shown.output).value()["platforms"];
  ASSERT_EQ(platforms.size(), 1U);
  EXPECT_EQ(platforms[0]["verdict"], "verified");
  EXPECT_EQ(platforms[0]["fmspc"], fmspc());
  EXPECT_EQ(platforms[0]["documents"].size(), 7U);
  EXPECT_LT(platforms[0]["fetched"].get<std::string>(),
            platforms[0]["valid_until"].get<std::string>());
}

TEST_F(CollateralCommand, ShowsAFolderAndWhatIsWrongWithIt) {
  EXPECT_EQ(collateral({"show", path("stick")}).status, 0);
  ASSERT_TRUE(store_file(folder_ / "stick" / "tcb_info.json", as_bytes("<html>")).ok());
  const Said shown = collateral({"show", path("stick")});
  EXPECT_EQ(shown.status, 1);
  EXPECT_THAT(shown.output, HasSubstr("FAULT: "));
}

TEST_F(CollateralCommand, ShowsDamagedFilesOfTheCacheAsRejected) {
  ASSERT_EQ(import_stick().status, 0);
  const Path file = std::filesystem::directory_iterator(folder_ / "cache")->path();
  Bytes bytes = load_file(file, 1 << 24).value();
  bytes[bytes.size() / 2] ^= 1;
  ASSERT_TRUE(store_file(file, bytes).ok());
  const Said shown = collateral({"show"});
  EXPECT_EQ(shown.status, 1);
  EXPECT_THAT(shown.output, HasSubstr("REJECTED"));
}

TEST_F(CollateralCommand, TakesNothingThatDoesNotVerify) {
  const auto other = simulator::Machine::create(random_, now_);
  store_root(other, "other.pem");
  const Said foreign = collateral({"import", path("stick")}, "other.pem");
  EXPECT_EQ(foreign.status, exit_code(ErrorCode::Untrusted));
  EXPECT_THAT(foreign.error, HasSubstr("stick"));

  machine_.set_condition(simulator::Condition::CollateralExpired);
  const Said expired = collateral({"import", store_collateral(machine_, "expired").string()});
  EXPECT_EQ(expired.status, exit_code(ErrorCode::Untrusted));
  EXPECT_THAT(expired.error, HasSubstr("found an expiry at"));
  EXPECT_EQ(collateral({"show"}).status, exit_code(ErrorCode::NotFound)) << "nothing was kept";
}

TEST_F(CollateralCommand, RefusesIntelsGenuineDocumentsOfYearsAgo) {
  const Path vector = Path(TORCHKEEP_TESTS_FOLDER) / "attest/vectors/dcap/tdx4-uptodate";
  const Said said = testing::invoke(
      add_collateral, {"collateral", "import", vector.string(), "--cache", path("cache"), "--root",
                       (vector / "root_ca.pem").string(), "--owner-folder", path("owner")});
  EXPECT_NE(said.status, 0);
  EXPECT_FALSE(std::filesystem::exists(folder_ / "cache"));
}

TEST_F(CollateralCommand, SaysWhatToTypeWhereNothingIsCached) {
  for (const char* name : {"show", "export"}) {
    std::vector<std::string> arguments = {name};
    if (arguments[0] == "export") arguments.push_back(path("out"));
    const Said said = collateral(arguments);
    EXPECT_EQ(said.status, exit_code(ErrorCode::NotFound));
    EXPECT_THAT(said.error, HasSubstr("torchkeep collateral fetch QUOTE --pccs HOST:PORT"));
  }
}

TEST_F(CollateralCommand, WantsToKnowWhichOfSeveralFamilies) {
  ASSERT_EQ(import_stick().status, 0);
  const auto cached = channel::CollateralCache(folder_ / "cache");
  auto second = machine_.collateral_key();
  second.fmspc[0] ^= 1;
  ASSERT_TRUE(cached.store({second, now_, machine_.collateral(now_)}).ok());
  const Said unclear = collateral({"export", path("out")});
  EXPECT_EQ(unclear.status, exit_code(ErrorCode::InvalidArgument));
  EXPECT_THAT(unclear.error, HasSubstr("2 platform families"));
  EXPECT_EQ(collateral({"export", path("out"), "--fmspc", fmspc(), "--ca", ca()}).status, 0);
}

TEST_F(CollateralCommand, RefusesWhatNamesNoPlatform) {
  const std::string pccs = "127.0.0.1:1";
  const std::vector<std::pair<std::vector<std::string>, std::string>> wrong = {
      {{"fetch", "--pccs", pccs}, "name the platform"},
      {{"fetch", "--fmspc", "00906ea1", "--ca", "platform", "--pccs", pccs}, "12 hex digits"},
      {{"fetch", "--fmspc", fmspc(), "--ca", "root", "--pccs", pccs}, "--ca"},
      {{"fetch", "--fmspc", fmspc(), "--ca", "platform", "--tee", "snp", "--pccs", pccs}, "sgx or tdx"},
      {{"fetch", "--ca", "platform", "--pccs", pccs}, "--fmspc"},
      {{"fetch", "--fmspc", fmspc(), "--ca", ca()}, "--pccs HOST:PORT"},
      {{"fetch", "--fmspc", fmspc(), "--ca", ca(), "--pccs", "ftp://x"}, "--pccs"}};
  for (const auto& [arguments, complaint] : wrong) {
    const Said said = collateral(arguments);
    EXPECT_EQ(said.status, exit_code(ErrorCode::InvalidArgument)) << complaint;
    EXPECT_THAT(said.error, HasSubstr(complaint));
  }
  const Said absent = collateral({"fetch", path("no-quote.bin"), "--pccs", pccs});
  EXPECT_EQ(absent.status, exit_code(ErrorCode::NotFound));
}

class FetchingCollateral : public CollateralCommand {
 protected:
  FetchingCollateral() { pccs_.collateral = machine_.collateral(now_); }
  ~FetchingCollateral() override { reactor_.stop(); }
  Said fetch() {
    return collateral(
        {"fetch", "--fmspc", fmspc(), "--ca", ca(), "--pccs", pccs_.address().text()});
  }
  ::torchkeep::testing::World world_;
  ::torchkeep::testing::Reactor reactor_{1};
  ::torchkeep::testing::FakePccs pccs_{world_, reactor_.io()};
};

TEST_F(FetchingCollateral, KeepsWhatVerifiesAndShowsIt) {
  const Said fetched = fetch();
  ASSERT_EQ(fetched.status, 0) << fetched.error;
  EXPECT_THAT(fetched.output, HasSubstr("verifies under the roots, and is current"));
  EXPECT_EQ(collateral({"show"}).status, 0);
}

TEST_F(FetchingCollateral, KeepsNothingOfAWebServerThatIsNoPccs) {
  pccs_.spoil = [](const std::string&, channel::HttpResponse& response) {
    response = channel::text_response(200, "text/html", "<html>sign in</html>");
  };
  const Said fetched = fetch();
  EXPECT_NE(fetched.status, 0);
  EXPECT_THAT(fetched.error, HasSubstr("127.0.0.1"));
  EXPECT_FALSE(std::filesystem::exists(folder_ / "cache"));
}

TEST_F(FetchingCollateral, SaysWhatIsStillHeldWhileThePccsIsAway) {
  ASSERT_EQ(fetch().status, 0);
  pccs_.spoil = [](const std::string&, channel::HttpResponse& response) { response.status = 404; };
  const Said again = fetch();
  EXPECT_NE(again.status, 0);
  EXPECT_THAT(again.error, HasSubstr("what is held is current until "));
  EXPECT_EQ(collateral({"show"}).status, 0) << "it is still there";
}

}  // namespace
}  // namespace torchkeep::cli
