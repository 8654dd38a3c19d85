#include "torchkeep/base/secret.h"

#include <algorithm>
#include <fstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <sys/resource.h>

#include "torchkeep/base/poison.h"

#include "tests/support/resident_memory.h"

namespace torchkeep {
namespace {

static_assert(!std::is_copy_constructible_v<SecretBytes>);
static_assert(!std::is_copy_assignable_v<SecretBytes>);
static_assert(std::is_nothrow_move_constructible_v<SecretBytes>);
static_assert(!std::equality_comparable<SecretBytes>);

/// The VmFlags of the mapping that holds `address`, from /proc/self/smaps.
std::string mapping_flags(const void* address) {
  std::ifstream maps("/proc/self/smaps");
  std::string line;
  bool inside = false;
  while (std::getline(maps, line)) {
    std::uintptr_t first = 0, last = 0;
    if (std::sscanf(line.c_str(), "%lx-%lx ", &first, &last) == 2) {
      const auto place = reinterpret_cast<std::uintptr_t>(address);
      inside = first <= place && place < last;
    }
    if (inside && line.starts_with("VmFlags:")) return line;
  }
  return "";
}

TEST(SecretBytes, StartAsZeros) {
  const SecretBytes secret(10000);
  EXPECT_TRUE(std::ranges::all_of(secret.expose(), [](std::uint8_t b) { return b == 0; }));
}

TEST(SecretBytes, AreWipedBeforeTheirMemoryIsReused) {
  const std::uint8_t* where = nullptr;
  {
    SecretBytes secret(100);
    std::ranges::fill(secret.expose(), std::uint8_t{0xAA});
    where = secret.expose().data();
  }
  const SecretBytes next(100);
  ASSERT_EQ(std::as_const(next).expose().data(), where) << "the block was expected to be reused";
  EXPECT_TRUE(std::ranges::all_of(next.expose(), [](std::uint8_t b) { return b == 0; }));
}

TEST(SecretBytes, AreEmptyAfterAMove) {
  SecretBytes first = SecretBytes::copy_of(as_bytes("secret"));
  const SecretBytes second = std::move(first);
  EXPECT_TRUE(first.empty());  // NOLINT(bugprone-use-after-move): this is what is tested
  EXPECT_EQ(as_text(second.expose()), "secret");
}

TEST(SecretBytes, StayOutOfCoreDumps) {
  const SecretBytes small(64);
  const SecretBytes large(std::size_t{8} << 20);
  EXPECT_NE(mapping_flags(std::as_const(small).expose().data()).find(" dd"), std::string::npos);
  EXPECT_NE(mapping_flags(std::as_const(large).expose().data()).find(" dd"), std::string::npos);
}

TEST(SecretBytes, DiscardWipesJustThatPart) {
  SecretBytes secret(3 * 4096);
  std::ranges::fill(secret.expose(), std::uint8_t{7});
  secret.discard(100, 8000);
  const ByteView bytes = std::as_const(secret).expose();
  EXPECT_EQ(bytes[99], 7);
  EXPECT_TRUE(std::ranges::all_of(bytes.subspan(100, 8000), [](std::uint8_t b) { return b == 0; }));
  EXPECT_EQ(bytes[8100], 7);
}

TEST(SecretBytes, DiscardWipesLargePartsFromAnyByteToAnyByte) {
  constexpr std::size_t kFirst = 4097, kSize = (std::size_t{34} << 20) + 5;
  SecretBytes secret(std::size_t{40} << 20);
  std::ranges::fill(secret.expose(), std::uint8_t{7});
  secret.discard(kFirst, kSize);
  const ByteView bytes = std::as_const(secret).expose();
  const Bytes sevens(bytes.size(), 7), zeros(kSize, 0);
  EXPECT_TRUE(equal(bytes.first(kFirst), ByteView(sevens).first(kFirst)));
  EXPECT_TRUE(equal(bytes.subspan(kFirst, kSize), zeros));
  const ByteView rest = bytes.subspan(kFirst + kSize);
  EXPECT_TRUE(equal(rest, ByteView(sevens).first(rest.size())));
}

// Wiping touches pages, but of those that went before only a few at once.
TEST(SecretBytes, PagesThatWentDoNotComeBackTogetherWhenTheyAreWipedAgain) {
  constexpr std::size_t kSize = std::size_t{128} << 20;
  SecretBytes secret(kSize);
  std::ranges::fill(secret.expose(), std::uint8_t{7});
  secret.discard(0, kSize);
  const auto again = torchkeep::testing::peak_growth([&] { secret.discard(0, kSize); });
  const auto at_last = torchkeep::testing::peak_growth([&] { secret = SecretBytes(); });
  if (!again || !at_last) GTEST_SKIP() << "resident memory says nothing here";
  EXPECT_LT(*again, kSize / 4);
  EXPECT_LT(*at_last, kSize / 4);
}

// The keys and values that GPT-2 small answers with after 128 tokens: pages that the kernel gives
// anew cost more than what is written to them.
TEST(SecretBytes, AsManyAsOneAnswerHasAreReusedWithTheirPages) {
  constexpr std::size_t kCaches = 24, kCacheBytes = std::size_t{4} * 12 * 129 * 64;
  const auto faults_of_an_answer = [&] {
    rusage before{}, after{};
    getrusage(RUSAGE_THREAD, &before);
    std::vector<SecretBytes> answer;
    for (std::size_t i = 0; i < kCaches; ++i)
      std::ranges::fill(answer.emplace_back(kCacheBytes).expose(), std::uint8_t{7});
    getrusage(RUSAGE_THREAD, &after);
    return after.ru_minflt - before.ru_minflt;
  };
  faults_of_an_answer();
  EXPECT_LT(faults_of_an_answer(), 16);
}

// What waits for the next request is no second model.
TEST(SecretBytes, FewOfManyThatWentStayInMemory) {
  constexpr std::size_t kSize = std::size_t{3} << 20, kCount = 40;
  std::vector<SecretBytes> secrets;
  const std::uint64_t before = torchkeep::testing::resident_memory("VmRSS");
  const auto peak = torchkeep::testing::peak_growth([&] {
    for (std::size_t i = 0; i < kCount; ++i) {
      secrets.emplace_back(kSize);
      std::ranges::fill(secrets.back().expose(), std::uint8_t{7});
    }
    secrets.clear();
  });
  if (!peak) GTEST_SKIP() << "resident memory says nothing here";
  EXPECT_GT(*peak, kSize * kCount / 2);
  EXPECT_LT(torchkeep::testing::resident_memory("VmRSS"), before + (std::size_t{20} << 20));
}

// Without the sanitizer a byte too far is not seen: pages are larger than secrets.
TEST(SecretBytesDeathTest, EndWhereTheyEnd) {
  if (!kPoisons) GTEST_SKIP() << "the address sanitizer sees it";
  for (const std::size_t size : {1, 24, 4095, 4096, 8192, 5 << 20}) {
    const SecretBytes secret(size);
    const volatile std::uint8_t* end = secret.expose().data() + size;
    EXPECT_DEATH((void)*end, "use-after-poison") << size;
  }
}

TEST(SecretBytesDeathTest, AreNobodysOnceTheyAreGone) {
  if (!kPoisons) GTEST_SKIP() << "the address sanitizer sees it";
  const volatile std::uint8_t* gone = nullptr;
  {
    const SecretBytes secret(100);
    gone = secret.expose().data();
  }
  EXPECT_DEATH((void)*gone, "use-after-poison");
}

TEST(SecretBuffer, GrowsAndKeepsItsBytes) {
  SecretBuffer buffer;
  for (int i = 0; i < 100000; ++i) buffer.push_back(static_cast<std::uint8_t>(i));
  for (std::size_t i = 0; i < buffer.size(); ++i)
    ASSERT_EQ(buffer[i], static_cast<std::uint8_t>(i));
}

TEST(SecretBuffer, AppendsPiecesOfAnySize) {
  SecretBuffer buffer;
  Bytes wanted;
  for (const std::size_t size : {0, 1, 5000, 0, 3, 100'000}) {
    const Bytes piece(size, static_cast<std::uint8_t>(size + 1));
    append(buffer, piece);
    append(wanted, piece);
    ASSERT_TRUE(equal(buffer, wanted)) << size;
  }
  EXPECT_TRUE(equal(to_secret_buffer(wanted), wanted));
  EXPECT_TRUE(to_secret_buffer({}).empty());
}

TEST(EqualInConstantTime, ComparesAllBytes) {
  const Bytes left(32, 1);
  for (std::size_t i = 0; i < left.size(); ++i) {
    Bytes right = left;
    right[i] ^= 0x40;
    EXPECT_FALSE(equal_in_constant_time(left, right));
  }
  EXPECT_TRUE(equal_in_constant_time(left, left));
  EXPECT_FALSE(equal_in_constant_time(left, ByteView(left).first(31)));
}

}  // namespace
}  // namespace torchkeep
