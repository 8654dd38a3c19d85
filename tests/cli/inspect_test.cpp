#include "torchkeep/cli/inspect.h"

#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

#include "torchkeep/desk/protect.h"

#include "tests/support/fake_clock.h"
#include "tests/support/files.h"

namespace torchkeep::cli {
namespace {

TEST(Inspecting, ShowsNoiseToTheHost) {
  testing::TemporaryFolder folder;
  crypto::SystemRandom random;
  testing::FakeClock clock;
  ThreadPool pool(2);
  const auto owner = client::create_owner(folder / "owner", random).value();
  const Path container = folder / "model.tkm";
  const desk::Contents contents{.bytes = 3'000'000,
                                .read = [](MutableByteView out) -> Result<void> {
                                  std::ranges::fill(out, std::uint8_t{'w'});
                                  return {};
                                },
                                .signature = {}};
  const auto made = desk::protect(owner, {.name = "resnet50", .container = container}, contents,
                                  clock, random, pool);
  ASSERT_TRUE(made) << made.error();
  const Inspection seen = inspect(container, pool).value();
  EXPECT_EQ(seen.file_bytes, std::filesystem::file_size(container));
  EXPECT_EQ(seen.digest, made->digest);
  EXPECT_EQ(seen.segments, 3u);
  EXPECT_GT(seen.entropy, 7.999);
  EXPECT_TRUE(seen.header.signature.empty());
}

TEST(Entropy, IsThatOfSingleBytes) {
  EXPECT_EQ(EntropyMeter().bits_per_byte(), 0);
  EntropyMeter constant;
  constant.add(Bytes(1000, 7));
  EXPECT_EQ(constant.bits_per_byte(), 0);
  EntropyMeter all;
  for (int byte = 0; byte < 256; ++byte) all.add(Bytes{static_cast<std::uint8_t>(byte)});
  EXPECT_DOUBLE_EQ(all.bits_per_byte(), 8);
}

TEST(Inspecting, RefusesWhatIsNoContainer) {
  testing::TemporaryFolder folder;
  ThreadPool pool(1);
  EXPECT_EQ(inspect(folder / "none", pool).error().code, ErrorCode::NotFound);
  std::ofstream((folder / "text").string()) << "this is no container at all";
  EXPECT_EQ(inspect(folder / "text", pool).error().code, ErrorCode::Malformed);
}

}  // namespace
}  // namespace torchkeep::cli
