#include "torchkeep/keycache/sealed_leases.h"

#include <fstream>

#include "tests/keycache/site.h"
#include "tests/support/failing_platform.h"

namespace torchkeep::keycache {
namespace {

using std::chrono::minutes;

std::map<LeaseId, HeldLease> load(Site& site) { return site.sealed.load(site.clock.now()); }

/// As anybody edits a file: nothing is flushed, thousands of them take no time.
void overwrite(const Path& path, ByteView bytes) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << as_text(bytes);
}

TEST(SealedLeases, ComeBackAfterARestart) {
  Site site;
  ASSERT_TRUE(site.ask());
  const auto leases = load(site);
  ASSERT_EQ(leases.size(), 1u);
  const auto& [id, lease] = *leases.begin();
  EXPECT_EQ(id.model, site.owner.model());
  EXPECT_EQ(id.version, 1u);
  EXPECT_FALSE(lease.on_line());
  EXPECT_TRUE(equal(lease.key().data_key().expose(), testing::fake_data_key(1).expose()));
  EXPECT_EQ(lease.times().end, site.clock.now() + minutes(60));
}

TEST(SealedLeases, HideTheKeyOnDisk) {
  Site site;
  ASSERT_TRUE(site.ask());
  const Bytes file = load_file(site.only_lease_file(), 1 << 20).value();
  const Bytes key = to_bytes(testing::fake_data_key(1).expose());
  EXPECT_EQ(as_text(file).find(as_text(key)), std::string_view::npos);
  EXPECT_EQ(as_text(file).find("resnet50"), std::string_view::npos);
  const auto mode = std::filesystem::status(site.only_lease_file()).permissions();
  EXPECT_EQ(mode, std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
}

TEST(SealedLeases, AreRenewedBeforeARestartedCacheReleases) {
  Site site;
  ASSERT_TRUE(site.ask());
  site.start();
  EXPECT_EQ(site.cache->held(), 1u);
  EXPECT_TRUE(site.log.contains("1 sealed leases found"));
  ASSERT_TRUE(site.ask());
  ASSERT_EQ(site.key_server.requests().size(), 2u);
  EXPECT_TRUE(site.key_server.requests()[1].renewal);
}

TEST(SealedLeases, ReleaseNothingAfterARestartOffLine) {
  Site site([](keys::Policy& p) { p.offline_grace_seconds = 3600; });
  ASSERT_TRUE(site.ask());
  site.start();
  site.key_server.refuse_with(unavailable("nobody answers"));
  EXPECT_REFUSED(site.ask(), ErrorCode::Unavailable, "nobody answers");
  site.key_server.heal();
  ASSERT_TRUE(site.ask());
  // On line once, the grace holds again.
  site.key_server.refuse_with(unavailable("nobody answers"));
  site.clock.advance(minutes(40));
  EXPECT_TRUE(site.ask());
}

TEST(SealedLeases, ReleaseOffLineWhereThePolicySaysSo) {
  Site site([](keys::Policy& p) { p.offline_restart = true; });
  ASSERT_TRUE(site.ask());
  site.start();
  site.key_server.refuse_with(unavailable("nobody answers"));
  EXPECT_TRUE(site.ask());
  site.clock.advance(minutes(30));
  EXPECT_REFUSED(site.ask(), ErrorCode::Unavailable, "nobody answers");
}

TEST(SealedLeases, AreWipedWhenTheirOwnerRevokedMeanwhile) {
  Site site;
  ASSERT_TRUE(site.ask());
  site.owner.say(site.owner.next_revoke(0));
  site.key_server.serve(site.owner);
  site.start();
  EXPECT_REFUSED(site.ask(), ErrorCode::Denied, "revoked");
  EXPECT_EQ(site.lease_files(), 0u);
}

TEST(SealedLeases, EndWhenTheyWouldHaveEnded) {
  Site site;
  ASSERT_TRUE(site.ask());
  site.clock.advance(minutes(60));
  site.start();
  EXPECT_EQ(site.cache->held(), 0u);
  EXPECT_EQ(site.lease_files(), 0u);
}

TEST(SealedLeases, KeepTheirTimeOverARestartWithAClockSetBack) {
  Site site([](keys::Policy& p) { p.offline_restart = true; });
  ASSERT_TRUE(site.ask());
  site.clock.advance(minutes(40));
  ASSERT_TRUE(site.ask());  // Renewed, so sealed anew at 10:40.
  site.clock.advance(-minutes(40));
  site.start();
  site.key_server.refuse_with(unavailable("nobody answers"));
  const auto release = site.ask();
  ASSERT_TRUE(release) << release.error();
  EXPECT_EQ(release->lease.seconds, 3600u);
}

TEST(SealedLeases, KeepTheirCountOverARestart) {
  Site site([](keys::Policy& p) {
    p.lease_requests = 100;
    p.offline_restart = true;
  });
  ASSERT_TRUE(site.ask());
  site.start();
  site.key_server.refuse_with(unavailable("nobody answers"));
  EXPECT_REFUSED(site.ask(), ErrorCode::Unavailable, "nobody answers");
}

TEST(SealedLeases, RefuseFlippedBitsAndNameTheFile) {
  Site site;
  ASSERT_TRUE(site.ask());
  const Path path = site.only_lease_file();
  const Bytes good = load_file(path, 1 << 20).value();
  // Every byte of magic, nonce and tag, and samples of what lies between.
  const auto step = [&](std::size_t i) { return i < 64 || i + 64 >= good.size() ? 1u : 7u; };
  for (std::size_t i = 0; i < good.size(); i += step(i)) {
    Bytes bad = good;
    bad[i] ^= static_cast<std::uint8_t>(1u << i % 8);
    overwrite(path, bad);
    site.log.clear();
    EXPECT_TRUE(load(site).empty()) << i;
    EXPECT_TRUE(site.log.contains(path.string())) << i;
  }
}

TEST(SealedLeases, RefuseEveryShorterAndLongerFile) {
  Site site;
  ASSERT_TRUE(site.ask());
  const Path path = site.only_lease_file();
  const Bytes good = load_file(path, 1 << 20).value();
  for (std::size_t size = 0; size < good.size(); size += 1 + size / 8) {
    overwrite(path, ByteView(good).first(size));
    EXPECT_TRUE(load(site).empty()) << size;
  }
  Bytes longer = good;
  longer.push_back(0);
  ASSERT_TRUE(store_file(path, longer, 0600));
  EXPECT_TRUE(load(site).empty());
}

TEST(SealedLeases, RefuseOtherNames) {
  Site site;
  ASSERT_TRUE(site.ask());
  const Path path = site.only_lease_file();
  const Bytes good = load_file(path, 1 << 20).value();
  std::filesystem::remove(path);
  const std::string model = site.owner.model().hex();
  std::string capitals = model;
  for (char& digit : capitals) digit = static_cast<char>(std::toupper(digit));
  ASSERT_NE(capitals, model);
  const std::string other_model = "0" + model.substr(1) == model ? "1" : "0";
  for (const std::string& name :
       {model + "-2.lease", model + "-01.lease", model + "-1x.lease", model + ".lease",
        model + "-.lease", model + "--1.lease", capitals + "-1.lease",
        other_model + model.substr(1) + "-1.lease", std::string("x-1.lease"),
        std::string("-1.lease"), model + "-99999999999999999999.lease"}) {
    ASSERT_TRUE(store_file(site.state / name, good, 0600));
    site.log.clear();
    EXPECT_TRUE(load(site).empty()) << name;
    EXPECT_TRUE(site.log.contains(name)) << name;
    std::filesystem::remove(site.state / name);
  }
  ASSERT_TRUE(store_file(path, good, 0600));
  EXPECT_EQ(load(site).size(), 1u);
}

TEST(SealedLeases, RefuseTwoThatWereSwapped) {
  Site site;
  site.owner.say(site.owner.next_version(2));
  site.key_server.serve(site.owner);
  ASSERT_TRUE(site.ask(site.request(1)));
  ASSERT_TRUE(site.ask(site.request(2)));
  const std::string stem = (site.state / site.owner.model().hex()).string();
  std::filesystem::rename(stem + "-1.lease", stem + "-x");
  std::filesystem::rename(stem + "-2.lease", stem + "-1.lease");
  std::filesystem::rename(stem + "-x", stem + "-2.lease");
  site.log.clear();
  EXPECT_TRUE(load(site).empty());
  EXPECT_TRUE(site.log.contains("-1.lease"));
  EXPECT_TRUE(site.log.contains("-2.lease"));
}

TEST(SealedLeases, LeaveTheRestAlone) {
  Site site;
  ASSERT_TRUE(site.ask());
  ASSERT_TRUE(store_file(site.state / "README", as_bytes("notes"), 0600));
  site.log.clear();
  EXPECT_EQ(load(site).size(), 1u);
  EXPECT_TRUE(site.log.lines().empty());
}

TEST(SealedLeases, OpenForNoOtherEnclaveAndOnNoOtherMachine) {
  Site site;
  ASSERT_TRUE(site.ask());
  attest::SgxEnclave debug = testing::fake_enclave(testing::kFakeKeyCache, 0x5402);
  debug.attributes[0] |= 0x02;
  for (const attest::SgxEnclave& enclave : {testing::fake_enclave(0x23, 0x5402), debug}) {
    testing::FakePlatform other(site.machine, enclave);
    EXPECT_TRUE(SealedLeases(site.state, other, site.log).load(site.clock.now()).empty());
  }
  const auto machine = simulator::Machine::create(site.random, site.clock.now());
  testing::FakePlatform elsewhere(machine, testing::fake_enclave(testing::kFakeKeyCache, 0x5402));
  EXPECT_TRUE(SealedLeases(site.state, elsewhere, site.log).load(site.clock.now()).empty());
}

TEST(SealedLeases, MayFailToBeWrittenWithoutCostToTheWorker) {
  Site site;
  ASSERT_TRUE(store_file(site.state, as_bytes("a file where the folder should be"), 0600));
  EXPECT_TRUE(site.ask());
  EXPECT_TRUE(site.log.contains("a restart will need a new key"));
  // Counted requests must be on disk before they leave.
  Site counted([](keys::Policy& p) { p.lease_requests = 100; });
  ASSERT_TRUE(store_file(counted.state, as_bytes("a file where the folder should be"), 0600));
  EXPECT_REFUSED(counted.ask(), ErrorCode::Unavailable, "counted lease");
}

TEST(SealedLeases, AreIgnoredWhileThePlatformDoesNotAnswer) {
  Site site;
  ASSERT_TRUE(site.ask());
  testing::FailingPlatform away;
  SealedLeases sealed(site.state, away, site.log);
  EXPECT_TRUE(sealed.load(site.clock.now()).empty());
  EXPECT_TRUE(site.log.contains("the platform does not answer"));
  EXPECT_EQ(site.lease_files(), 1u);
}

}  // namespace
}  // namespace torchkeep::keycache
