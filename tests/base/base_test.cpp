#include <gtest/gtest.h>
#include <sys/resource.h>

#include <atomic>
#include <csignal>

#include "tests/support/fake_clock.h"
#include "tests/support/files.h"
#include "torchkeep/base/clock.h"
#include "torchkeep/base/encoding.h"
#include "torchkeep/base/file.h"
#include "torchkeep/base/ids.h"
#include "torchkeep/base/text.h"
#include "torchkeep/base/thread_pool.h"

namespace torchkeep {
namespace {

Result<int> half(int number) {
  if (number % 2 != 0) return invalid_argument(number, " is odd");
  return number / 2;
}

Result<int> quarter(int number) {
  const int halved = TRY(half(number).context("halving"));
  return TRY(half(halved).context("halving again"));
}

TEST(Result, CarriesTheOutermostAttemptFirst) {
  EXPECT_EQ(quarter(8).value(), 2);
  const Result<int> failed = quarter(6);
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, ErrorCode::InvalidArgument);
  EXPECT_EQ(failed.error().message, "halving again: 3 is odd");
}

TEST(Result, HoldsWhatOnlyMoves) {
  const auto make = []() -> Result<std::unique_ptr<int>> { return std::make_unique<int>(5); };
  const auto use = [&]() -> Result<int> { return *TRY(make()); };
  EXPECT_EQ(use().value(), 5);
}

TEST(ErrorCode, NamesReadBack) {
  for (const auto code : {ErrorCode::InvalidArgument, ErrorCode::Malformed, ErrorCode::Untrusted,
                          ErrorCode::Denied, ErrorCode::NotFound, ErrorCode::Unavailable,
                          ErrorCode::Internal}) {
    EXPECT_EQ(find_error_code(name_of(code)), code);
  }
  EXPECT_EQ(find_error_code("Fine"), std::nullopt);
}

TEST(Encoding, FollowsRfc4648) {
  const std::pair<std::string_view, std::string_view> cases[] = {
      {"", ""}, {"f", "Zg=="}, {"fo", "Zm8="}, {"foo", "Zm9v"}, {"foob", "Zm9vYg=="}, {"fooba", "Zm9vYmE="}};
  for (const auto& [plain, encoded] : cases) {
    EXPECT_EQ(encode_base64(as_bytes(plain)), encoded);
    EXPECT_EQ(as_text(decode_base64(encoded).value()), plain);
  }
}

TEST(Encoding, RefusesBadText) {
  for (const std::string_view bad : {"Zg=", "Zh==", "Z===", "Zm9v*A==", "=m9v", "Zg==Zg=="}) {
    EXPECT_FALSE(decode_base64(bad)) << bad;
  }
  for (const std::string_view bad : {"a", "0g", "zz", "0 "}) EXPECT_FALSE(decode_hex(bad)) << bad;
  EXPECT_FALSE(ModelId::parse("00"));
}

TEST(Time, ReadsBackWhatItWrites) {
  const TimePoint time = parse_rfc3339("2026-02-28T23:59:58Z").value();
  EXPECT_EQ(format_rfc3339(time), "2026-02-28T23:59:58Z");
  EXPECT_EQ(parse_rfc3339("2026-02-28T23:59:58.123Z").value(), time);
}

TEST(Time, RefusesWhatIsNoUtcTime) {
  for (const std::string_view bad :
       {"", "2026-02-28", "2026-02-30T00:00:00Z", "2026-02-28T24:00:00Z", "2026-02-28T00:00:00+01:00",
        "2026-02-28T00:00:00.Z", "2026-02-28 00:00:00Z", "2026-02-28T00:00:00Zx"}) {
    EXPECT_FALSE(parse_rfc3339(bad)) << bad;
  }
}

TEST(ForwardClock, NeverGoesBack) {
  testing::FakeClock host;
  ForwardClock clock(host);
  const TimePoint start = clock.now();
  host.advance(std::chrono::hours(-5));
  EXPECT_EQ(clock.now(), start);
  clock.observe(start + std::chrono::hours(1));
  EXPECT_EQ(clock.now(), start + std::chrono::hours(1));
  host.advance(std::chrono::hours(7));
  EXPECT_EQ(clock.now(), start + std::chrono::hours(2));
}

TEST(ByteReader, TakesFieldsAndSaysWhatIsMissing) {
  const Bytes bytes{1, 2, 3, 4, 5};
  ByteReader reader(bytes);
  EXPECT_EQ(reader.take_le16("size").value(), 0x0201);
  EXPECT_EQ(reader.take_be16("kind").value(), 0x0304);
  const auto missing = reader.take_le32("tail");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().message, "tail needs 4 bytes, but 1 are left");
}

TEST(StoreFile, ReplacesAndLeavesNothingElse) {
  testing::TemporaryFolder folder;
  ASSERT_TRUE(store_file(folder / "file", as_bytes("one")));
  ASSERT_TRUE(store_file(folder / "file", as_bytes("two")));
  EXPECT_EQ(as_text(load_file(folder / "file", 100).value()), "two");
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder.path()), {}), 1);
}

TEST(FileSink, LeavesTheOldFileUnlessCommitted) {
  testing::TemporaryFolder folder;
  ASSERT_TRUE(store_file(folder / "file", as_bytes("old")));
  {
    FileSink sink = FileSink::create(folder / "file").value();
    ASSERT_TRUE(sink.write(as_bytes("half of the new")));
  }
  EXPECT_EQ(as_text(load_file(folder / "file", 100).value()), "old");
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder.path()), {}), 1);
}

TEST(FileSink, NamesAFullDiskAndLeavesTheOldFile) {
  testing::TemporaryFolder folder;
  ASSERT_TRUE(store_file(folder / "file", as_bytes("old")));
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
  std::signal(SIGXFSZ, SIG_IGN);
  const rlimit small{1000, before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
  const Result<void> stored = store_file(folder / "file", Bytes(5000, 1));
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &before), 0);
  ASSERT_FALSE(stored);
  EXPECT_EQ(stored.error().code, ErrorCode::Unavailable);
  EXPECT_EQ(as_text(load_file(folder / "file", 100).value()), "old");
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder.path()), {}), 1);
}

TEST(FileSink, NamesAMissingFolder) {
  testing::TemporaryFolder folder;
  EXPECT_EQ(FileSink::create(folder / "missing" / "file").error().code, ErrorCode::NotFound);
}

TEST(FileSink, ThreadsMayWriteTheSameFile) {
  testing::TemporaryFolder folder;
  ThreadPool pool(4);
  std::atomic<int> stored = 0;
  pool.parallel_for(64, [&](std::size_t i) {
    stored += store_file(folder / "file", Bytes(1000 + i, static_cast<std::uint8_t>(i))).ok();
  });
  EXPECT_EQ(stored.load(), 64);
  const Bytes whole = load_file(folder / "file", 2000).value();
  EXPECT_EQ(whole, Bytes(1000U + whole[0], whole[0])) << "one writer's bytes, and no other's";
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder.path()), {}), 1);
}

TEST(LoadFile, RefusesFoldersAndLargeFiles) {
  testing::TemporaryFolder folder;
  EXPECT_EQ(load_file(folder.path(), 10).error().code, ErrorCode::InvalidArgument);
  EXPECT_EQ(load_file(folder / "none", 10).error().code, ErrorCode::NotFound);
  ASSERT_TRUE(store_file(folder / "file", as_bytes("eleven byte")));
  EXPECT_EQ(load_file(folder / "file", 10).error().code, ErrorCode::Malformed);
}

TEST(ThreadPool, CallsEachIndexOnce) {
  for (const std::size_t threads : {1u, 2u, 5u}) {
    ThreadPool pool(threads);
    for (int round = 0; round < 200; ++round) {
      std::vector<std::atomic<int>> calls(37);
      pool.parallel_for(calls.size(), [&](std::size_t i) { ++calls[i]; });
      for (const auto& count : calls) ASSERT_EQ(count.load(), 1);
    }
  }
}

}  // namespace
}  // namespace torchkeep
