#include <random>

#include <gtest/gtest.h>

#include "tests/container/sample.h"

namespace torchkeep::container {
namespace {

using namespace testing;

class RoundTrips : public ::testing::TestWithParam<std::size_t> {
 protected:
  torchkeep::testing::TemporaryFolder folder_;
  Path path_ = folder_ / "model.tkm";
};

TEST_P(RoundTrips, GiveTheSameBytesOnAnyNumberOfThreads) {
  const Header header = sample_header(GetParam());
  for (const std::size_t threads : {1, 3}) {
    ThreadPool pool(threads);
    const ContainerDigest digest = write_sample(path_, header, pool);
    EXPECT_EQ(load_digest(path_, pool).value(), digest);
    const auto read = read_all(path_, expectation(header, digest), pool);
    ASSERT_TRUE(read) << read.error();
    EXPECT_EQ(*read, sample_payload(GetParam()));
  }
}

INSTANTIATE_TEST_SUITE_P(AroundSegmentBorders, RoundTrips,
                         ::testing::Values(1, 2, 31, 32, 33, 4096, kSegmentPlaintext - 1,
                                           kSegmentPlaintext, kSegmentPlaintext + 1,
                                           kSegmentPlaintext + 32, 2 * kSegmentPlaintext - 1,
                                           2 * kSegmentPlaintext, 2 * kSegmentPlaintext + 1,
                                           8 * kSegmentPlaintext, 8 * kSegmentPlaintext + 1,
                                           13 * kSegmentPlaintext + 7));

TEST(Reader, GivesTheSameBytesHoweverTheyAreAskedFor) {
  torchkeep::testing::TemporaryFolder folder;
  const Path path = folder / "model.tkm";
  constexpr std::size_t kBytes = 9 * kSegmentPlaintext + 12345;
  const Header header = sample_header(kBytes);
  ThreadPool pool(2);
  const Expectation expected = expectation(header, write_sample(path, header, pool));
  const Bytes payload = sample_payload(kBytes);
  constexpr std::size_t kSteps[] = {0,
                                    1,
                                    64,
                                    4096,
                                    100000,
                                    kSegmentPlaintext - 1,
                                    kSegmentPlaintext,
                                    kSegmentPlaintext + 1,
                                    2 * kSegmentPlaintext,
                                    5 * kSegmentPlaintext + 17};
  for (unsigned seed = 0; seed < 12; ++seed) {
    SCOPED_TRACE(text("seed ", seed));
    std::mt19937 random(seed);
    Reader reader = Reader::open(path, sample_key(), expected, pool).value();
    Bytes read(kBytes);
    for (std::size_t done = 0; done < kBytes;) {
      const std::size_t step = std::min(kSteps[random() % std::size(kSteps)], kBytes - done);
      ASSERT_TRUE(reader.read_exactly(MutableByteView(read).subspan(done, step)));
      done += step;
    }
    ASSERT_TRUE(reader.finish());
    ASSERT_TRUE(read == payload);
  }
}

TEST(Reader, TellsTheHeaderThatWasEncrypted) {
  torchkeep::testing::TemporaryFolder folder;
  const Path path = folder / "model.tkm";
  Header header = sample_header(10);
  header.signature = R"({"inputs":[]})";
  ThreadPool pool(1);
  const Expectation expected = expectation(header, write_sample(path, header, pool));
  const Reader reader = Reader::open(path, sample_key(), expected, pool).value();
  EXPECT_EQ(encode(reader.header()), encode(header));
  EXPECT_EQ(encode(load_header(path).value()), encode(header));
}

TEST(Reader, TakesTheLongestHeader) {
  torchkeep::testing::TemporaryFolder folder;
  const Path path = folder / "model.tkm";
  Header header = sample_header(10);
  header.signature = R"({"a":""})";
  const std::size_t room = kMaxHeaderBytes - encode(header).size();
  header.signature = text(R"({"a":")", std::string(room, 'x'), R"("})");
  ASSERT_EQ(encode(header).size(), kMaxHeaderBytes);
  ThreadPool pool(1);
  const Expectation expected = expectation(header, write_sample(path, header, pool));
  EXPECT_TRUE(read_all(path, expected, pool));
}

TEST(Reader, ReadsTheHeaderOnce) {
  torchkeep::testing::TemporaryFolder folder;
  const Path path = folder / "model.tkm";
  const Header header = sample_header(3 * kSegmentPlaintext);
  ThreadPool pool(2);
  const Expectation expected = expectation(header, write_sample(path, header, pool));
  Reader reader = Reader::open(path, sample_key(), expected, pool).value();
  Bytes altered = load(path);
  std::fill_n(altered.begin(), 300, std::uint8_t{0});
  store(path, altered);
  Bytes payload(header.payload_bytes);
  ASSERT_TRUE(reader.read_exactly(payload));
  EXPECT_TRUE(reader.finish());
}

TEST(Containers, OfTheSamePayloadAndKeyDiffer) {
  torchkeep::testing::TemporaryFolder folder;
  const Header header = sample_header(100);
  ThreadPool pool(1);
  EXPECT_NE(write_sample(folder / "one", header, pool), write_sample(folder / "two", header, pool));
}

TEST(Containers, ShowNothingOfTheirPayload) {
  torchkeep::testing::TemporaryFolder folder;
  const Path path = folder / "model.tkm";
  const std::string secret = "layer4.0.conv1.weight";
  ThreadPool pool(1);
  crypto::SystemRandom random;
  const auto source = [&](MutableByteView out) -> Result<void> {
    std::ranges::copy(as_bytes(secret), out.begin());
    return {};
  };
  ASSERT_TRUE(
      write_container(path, sample_header(secret.size()), sample_key(), random, pool, source));
  const Bytes stored = load(path);
  EXPECT_EQ(as_text(stored).find("layer"), std::string_view::npos);
}

}  // namespace
}  // namespace torchkeep::container
