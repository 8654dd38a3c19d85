#include "torchkeep/channel/collateral_store.h"

#include <gmock/gmock.h>

#include "torchkeep/channel/collateral_cache.h"
#include "torchkeep/channel/internal/collateral_fields.h"

#include "tests/channel/fake_pccs.h"
#include "tests/support/files.h"

namespace torchkeep::channel {
namespace {

using testing::FakePccs;
using ::testing::HasSubstr;
using Refresh = CollateralStoreParts::Refresh;

class Store : public ::testing::Test {
 protected:
  ~Store() override { reactor_.stop(); }

  std::unique_ptr<CollateralStore> open(bool with_pccs = true, Refresh refresh = Refresh::Behind) {
    CollateralStoreParts parts;
    if (with_pccs) parts.pccs = pccs_.client();
    parts.roots = {world_.machine.root_key()};
    parts.folder = folder_.path();
    parts.refresh = refresh;
    return std::make_unique<CollateralStore>(std::move(parts), world_.clock, world_.log);
  }
  auto fetch(CollateralStore& store) { return reactor_.await(store.fetch(key_)); }
  void make_pccs_away() {
    pccs_.spoil = [](const std::string&, HttpResponse& response) { response.status = 404; };
  }
  /// What runs behind a fetch ends at some time.
  void wait_for_requests(int count) {
    for (int i = 0; i < 500 && pccs_.requests < count; ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    EXPECT_GE(pccs_.requests, count);
  }
  Path cache_file() const {
    for (const auto& entry : std::filesystem::directory_iterator(folder_.path())) {
      return entry.path();
    }
    return {};
  }

  testing::World world_;
  testing::TemporaryFolder folder_;
  testing::Reactor reactor_{2};
  FakePccs pccs_{world_, reactor_.io()};
  const attest::CollateralKey key_ = world_.machine.collateral_key();
};

TEST_F(Store, AsksOnceForManyWhoWait) {
  const auto store = open();
  std::vector<std::future<Result<std::shared_ptr<const attest::Collateral>>>> waiting;
  for (int i = 0; i < 20; ++i) waiting.push_back(reactor_.start(store->fetch(key_)));
  for (auto& one : waiting) {
    const auto got = one.get();
    ASSERT_TRUE(got.ok()) << got.error();
    EXPECT_TRUE(same(**got, pccs_.collateral));
  }
  EXPECT_EQ(pccs_.requests, 4);
}

TEST_F(Store, RefreshesBehindWhatIsCurrent) {
  const auto store = open();
  ASSERT_TRUE(fetch(*store).ok());
  world_.clock.advance(std::chrono::minutes(59));
  ASSERT_TRUE(fetch(*store).ok());
  EXPECT_EQ(pccs_.requests, 4);
  world_.clock.advance(std::chrono::minutes(2));
  ASSERT_TRUE(fetch(*store).ok());
  wait_for_requests(8);
}

TEST_F(Store, ServesWhatIsCurrentWhileThePccsIsAwayAndSaysUntilWhen) {
  const auto store = open();
  ASSERT_TRUE(fetch(*store).ok());
  make_pccs_away();
  world_.clock.advance(std::chrono::hours(2));
  ASSERT_TRUE(fetch(*store).ok());
  wait_for_requests(5);
  for (int i = 0; i < 500 && !world_.log.contains("is current until"); ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  EXPECT_TRUE(world_.log.contains("is current until"));
  const auto health = store->health();
  ASSERT_EQ(health.size(), 1U);
  EXPECT_TRUE(health[0].away_since.has_value());
  EXPECT_THAT(to_text(health[0], world_.clock.now()), HasSubstr("PCCS away since"));
}

TEST_F(Store, NeverServesWhatHasExpiredAndSaysSinceWhenThePccsIsAway) {
  const auto store = open();
  ASSERT_TRUE(fetch(*store).ok());
  make_pccs_away();
  world_.clock.advance(std::chrono::hours(24 * 40));
  const auto fetched = fetch(*store);
  ASSERT_FALSE(fetched.ok());
  EXPECT_THAT(fetched.error().message, HasSubstr("PCCS away since "));
  EXPECT_THAT(fetched.error().message, HasSubstr("the last collateral expired at "));
}

TEST_F(Store, OutlivesARestartWithoutAPccs) {
  ASSERT_TRUE(fetch(*open()).ok());
  for (const bool with_pccs : {true, false}) {
    make_pccs_away();
    const auto fetched = fetch(*open(with_pccs));
    ASSERT_TRUE(fetched.ok()) << fetched.error();
    EXPECT_TRUE(same(**fetched, pccs_.collateral));
  }
}

// The disk's may be a month old, and a list of the revoked has been made since.
TEST_F(Store, AsksThePccsBeforeItServesWhatARestartFoundOnTheDisk) {
  ASSERT_TRUE(fetch(*open()).ok());
  const auto restarted = open();
  ASSERT_TRUE(fetch(*restarted).ok());
  EXPECT_EQ(pccs_.requests, 8);
  ASSERT_TRUE(fetch(*restarted).ok());
  EXPECT_EQ(pccs_.requests, 8);
}

TEST_F(Store, VerifiesAndWritesOnAPoolWhereItHasOne) {
  boost::asio::thread_pool pool(2);
  CollateralStoreParts parts;
  parts.pccs = pccs_.client();
  parts.roots = {world_.machine.root_key()};
  parts.folder = folder_.path();
  parts.workers = &pool;
  CollateralStore store(std::move(parts), world_.clock, world_.log);
  std::vector<std::future<Result<std::shared_ptr<const attest::Collateral>>>> waiting;
  for (int i = 0; i < 20; ++i) waiting.push_back(reactor_.start(store.fetch(key_)));
  for (auto& one : waiting) EXPECT_TRUE(one.get().ok());
  EXPECT_EQ(pccs_.requests, 4);
  EXPECT_FALSE(cache_file().empty());
  make_pccs_away();
  world_.clock.advance(std::chrono::hours(24 * 40));
  EXPECT_FALSE(fetch(store).ok());
  pool.join();
}

TEST_F(Store, AsksFirstWhereThatIsWanted) {
  ASSERT_TRUE(fetch(*open()).ok());
  ASSERT_TRUE(fetch(*open(true, Refresh::First)).ok());
  EXPECT_EQ(pccs_.requests, 8);
  make_pccs_away();
  EXPECT_TRUE(fetch(*open(true, Refresh::First)).ok()) << "the disk is better than nothing";
  const auto anew = reactor_.await(open()->fetch_anew(key_));
  ASSERT_FALSE(anew.ok());
  EXPECT_EQ(anew.error().code, ErrorCode::NotFound);
}

TEST_F(Store, DropsADamagedFileAndFetchesAnew) {
  const std::vector<std::function<void(Bytes&)>> damages = {
      [](Bytes& bytes) { bytes.resize(bytes.size() / 2); },
      [](Bytes& bytes) { bytes[bytes.size() / 2] ^= 1; }, [](Bytes& bytes) { bytes.clear(); }};
  for (const auto& damage : damages) {
    ASSERT_TRUE(reactor_.await(open()->fetch_anew(key_)).ok()) << "nothing goes on behind it";
    Bytes bytes = load_file(cache_file(), 1 << 24).value();
    damage(bytes);
    ASSERT_TRUE(store_file(cache_file(), bytes).ok());
    world_.log.clear();
    const int before = pccs_.requests;
    ASSERT_TRUE(fetch(*open()).ok());
    EXPECT_EQ(pccs_.requests, before + 4);
    EXPECT_EQ(world_.log.count("is dropped"), 1U) << world_.log.text();
  }
}

TEST_F(Store, DropsAFileUnderAnothersRoot) {
  const auto other = simulator::Machine::create(world_.random, world_.clock.now());
  const CollateralCache cache(folder_.path());
  ASSERT_TRUE(cache.store({key_, world_.clock.now(), other.collateral(world_.clock.now())}).ok());
  EXPECT_EQ(fetch(*open(false)).error().code, ErrorCode::NotFound);
  EXPECT_TRUE(world_.log.contains("is dropped"));
  EXPECT_TRUE(cache.list().value().empty());
}

struct Served {
  const char* name;
  std::function<void(testing::World&, FakePccs&)> serve;
  std::string says;
};

class WrongCollateral : public Store, public ::testing::WithParamInterface<Served> {};

TEST_P(WrongCollateral, IsRefusedWithItsOwnExplanation) {
  GetParam().serve(world_, pccs_);
  const auto fetched = fetch(*open());
  ASSERT_FALSE(fetched.ok());
  EXPECT_EQ(fetched.error().code, ErrorCode::Untrusted) << fetched.error();
  EXPECT_THAT(fetched.error().message, HasSubstr("what the PCCS at 127.0.0.1"));
  EXPECT_THAT(fetched.error().message, HasSubstr(GetParam().says));
  EXPECT_TRUE(CollateralCache(folder_.path()).list().value().empty()) << "it is not kept";
}

INSTANTIATE_TEST_SUITE_P(
    Pccs, WrongCollateral,
    ::testing::Values(
        Served{"Expired",
               [](auto& world, auto& pccs) {
                 world.machine.set_condition(simulator::Condition::CollateralExpired);
                 pccs.collateral = world.machine.collateral(world.clock.now());
               },
               "found an expiry at"},
        Served{"ClockYearsAhead",
               [](auto& world, auto&) { world.clock.advance(std::chrono::hours(24 * 700)); },
               "this machine's clock is right"},
        Served{"ClockYearsBehind",
               [](auto& world, auto&) { world.clock.advance(-std::chrono::hours(24 * 700)); },
               "this machine's clock is slow"},
        Served{"AnothersRoot",
               [](auto& world, auto& pccs) {
                 pccs.collateral = simulator::Machine::create(world.random, world.clock.now())
                                       .collateral(world.clock.now());
               },
               "TCB info issuer chain"},
        Served{"ChangedTcbInfo",
               [](auto&, auto& pccs) {
                 std::string text = to_string(pccs.collateral.tcb_info);
                 text.replace(text.find("\"tcbEvaluationDataNumber\":"), 27,
                              "\"tcbEvaluationDataNumber\":9");
                 pccs.collateral.tcb_info = to_bytes(as_bytes(text));
               },
               "TCB info"}),
    [](const auto& tested) { return std::string(tested.param.name); });

TEST_F(Store, RefusesGenuineDocumentsOfOtherPlatforms) {
  attest::CollateralKey other = key_;
  other.fmspc[5] ^= 1;
  const auto store = open();
  const auto fetched = reactor_.await(store->fetch(other));
  ASSERT_FALSE(fetched.ok());
  EXPECT_EQ(fetched.error().code, ErrorCode::Untrusted);
  EXPECT_THAT(fetched.error().message, HasSubstr("somebody swapped them"));
}

TEST(CachedCollateral, IsReadBackAndNothingElseIs) {
  CachedCollateral cached{{attest::TeeType::Tdx, {1, 2, 3, 4, 5, 6}, "processor"},
                          parse_rfc3339("2026-11-23T10:00:00Z").value(),
                          {}};
  cached.collateral.tcb_info = {1, 2, 3};
  const std::string file = encode(cached);
  const auto read = decode_cached_collateral(file);
  ASSERT_TRUE(read.ok()) << read.error();
  EXPECT_EQ(encode(*read), file);
  for (std::size_t i = 0; i < file.size(); ++i) {
    std::string changed = file;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    EXPECT_FALSE(decode_cached_collateral(changed).ok()) << "byte " << i;
    EXPECT_FALSE(decode_cached_collateral(file.substr(0, i)).ok()) << "cut at " << i;
  }
}

TEST(CollateralCache, ForgetsTheOldestBeyondItsBound) {
  const testing::TemporaryFolder folder;
  const CollateralCache cache(folder / "cache");
  EXPECT_TRUE(cache.list().value().empty());
  for (std::uint8_t i = 0; i < 66; ++i) {
    ASSERT_TRUE(cache.store({{attest::TeeType::Sgx, {i}, "platform"}, {}, {}}).ok());
  }
  EXPECT_EQ(cache.list().value().size(), 64U);
}

}  // namespace
}  // namespace torchkeep::channel
