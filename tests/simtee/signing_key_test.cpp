#include "torchkeep/simtee/signing_key.h"

#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "tests/support/files.h"

namespace torchkeep::simtee {
namespace {

TEST(SigningKey, IsMadeOnceAndReadBack) {
  const testing::TemporaryFolder folder;
  crypto::SystemRandom random;
  const Path path = folder / "key.pem";
  const auto made = load_or_create_signing_key(path, random);
  ASSERT_TRUE(made.ok()) << made.error();
  const auto again = load_or_create_signing_key(path, random);
  ASSERT_TRUE(again.ok()) << again.error();
  EXPECT_EQ(made->public_point(), again->public_point());
  struct stat status {};
  ASSERT_EQ(::stat(path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600U);
}

TEST(SigningKey, IsTheSameForAllWhoMakeItAtOnce) {
  const testing::TemporaryFolder folder;
  constexpr std::size_t kBuilds = 8;
  std::vector<ByteArray<64>> points(kBuilds);
  std::vector<std::thread> builds;
  for (std::size_t i = 0; i < kBuilds; ++i) {
    builds.emplace_back([&, i] {
      crypto::SystemRandom random;
      points[i] = load_or_create_signing_key(folder / "key.pem", random).value().public_point();
    });
  }
  for (std::thread& build : builds) build.join();
  for (const auto& point : points) EXPECT_EQ(point, points[0]);
  std::size_t files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder.path())) {
    files += entry.is_regular_file() ? 1 : 0;
  }
  EXPECT_EQ(files, 1U) << "nothing is left beside the key";
}

TEST(SigningKey, RefusesFilesThatAreNone) {
  const testing::TemporaryFolder folder;
  crypto::SystemRandom random;
  const Path path = folder / "key.pem";
  for (const char* const text :
       {"", "key", "-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----\n",
        "-----BEGIN PRIVATE KEY-----\n????\n-----END PRIVATE KEY-----\n",
        "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
        "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"}) {
    store_file(path, as_bytes(text)).value();
    EXPECT_EQ(load_or_create_signing_key(path, random).error().code, ErrorCode::Malformed) << text;
    EXPECT_EQ(to_string(load_file(path, 4096).value()), text) << "and leaves them alone";
  }
}

TEST(SigningKey, SaysWhereItCannotBeMade) {
  const testing::TemporaryFolder folder;
  crypto::SystemRandom random;
  const auto key = load_or_create_signing_key(folder / "none/key.pem", random);
  ASSERT_FALSE(key.ok());
  EXPECT_NE(key.error().message.find("none/key.pem"), std::string::npos) << key.error();
}

}  // namespace
}  // namespace torchkeep::simtee
