#include "torchkeep/runtime/graph/wire.h"

#include <random>

#include <gtest/gtest.h>

#include "torchkeep/base/text.h"

namespace torchkeep::runtime::wire {
namespace {

Result<std::vector<Field>> read_all(ByteView message) {
  std::vector<Field> fields;
  Reader reader(message);
  while (const std::optional<Field> field = TRY(reader.next())) fields.push_back(*field);
  return fields;
}

TEST(Wire, ReadsEachWireType) {
  // Source: protobuf.dev, "Encoding": 08 96 01 is field 1, varint 150.
  const Bytes message{0x08, 0x96, 0x01, 0x12, 0x02, 'o', 'k', 0x1D, 0, 0,   0x80,
                      0x3F, 0x21, 1,    0,    0,    0,   0,   0,    0, 0x80};
  const auto fields = read_all(message);
  ASSERT_TRUE(fields.ok()) << fields.error();
  ASSERT_EQ(fields->size(), 4u);
  EXPECT_EQ((*fields)[0].value, 150u);
  EXPECT_EQ((*fields)[1].as_text(), "ok");
  EXPECT_EQ((*fields)[2].as_float(), 1.0F);
  EXPECT_EQ((*fields)[3].value, 0x8000000000000001u);
  EXPECT_EQ((*fields)[1].whole.size(), 4u);
}

struct Fault {
  const char* name;
  Bytes message;
};
class WrongMessages : public ::testing::TestWithParam<Fault> {};
TEST_P(WrongMessages, AreMalformed) {
  const auto fields = read_all(GetParam().message);
  ASSERT_FALSE(fields.ok());
  EXPECT_EQ(fields.error().code, ErrorCode::Malformed);
}
INSTANTIATE_TEST_SUITE_P(
    Wire, WrongMessages,
    ::testing::Values(Fault{"AKeyThatDoesNotEnd", {0x80}}, Fault{"AKeyWithoutAValue", {0x08}},
                      Fault{"FieldZero", {0x00, 0x01}}, Fault{"AGroup", {0x0B}},
                      Fault{"AnEndOfAGroup", {0x0C}}, Fault{"WireTypeSeven", {0x0F}},
                      Fault{"MoreBytesThanThereAre", {0x0A, 0x05, 1, 2}},
                      Fault{"ALengthOfSixtyFourBits",
                            {0x0A, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01}},
                      Fault{
                          "AVarintOfElevenBytes",
                          {0x08, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x81, 0x00}},
                      Fault{"AVarintOfSixtyFiveBits",
                            {0x08, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x02}},
                      Fault{"AShortFixed32", {0x0D, 1, 2, 3}},
                      Fault{"AShortFixed64", {0x09, 1, 2, 3, 4, 5, 6, 7}},
                      Fault{"AFieldNumberOutOfRange", {0xF8, 0xFF, 0xFF, 0xFF, 0x7F, 0x01}}),
    [](const auto& each) { return each.param.name; });

TEST(Wire, ReadsBackWhatItWrote) {
  const std::uint32_t seed = std::random_device()();
  SCOPED_TRACE(text("seed ", seed));
  std::mt19937 engine(seed);
  const auto random = [&] { return static_cast<std::uint32_t>(engine()); };
  for (int round = 0; round < 200; ++round) {
    SecretBuffer message;
    std::vector<std::pair<std::uint32_t, std::int64_t>> numbers;
    for (int i = 0; i < 8; ++i) {
      const auto value =
          static_cast<std::int64_t>((std::uint64_t{random()} << 32 | random()) >> (random() % 64));
      numbers.emplace_back(1 + random() % 1000, random() % 2 == 0 ? value : -value);
      append_int(message, numbers.back().first, numbers.back().second);
    }
    append_field(message, 7, SecretBuffer(message));
    const auto fields = read_all(message);
    ASSERT_TRUE(fields.ok()) << fields.error();
    ASSERT_EQ(fields->size(), numbers.size() + 1);
    for (std::size_t i = 0; i < numbers.size(); ++i) {
      EXPECT_EQ((*fields)[i].number, numbers[i].first);
      EXPECT_EQ((*fields)[i].as_int(), numbers[i].second);
    }
    const auto inner = read_all(fields->back().bytes);
    ASSERT_TRUE(inner.ok());
    EXPECT_EQ(inner->size(), numbers.size());
  }
}

TEST(Wire, ListsMayBePackedOrNotAndAreBounded) {
  const Bytes packed{0x0A, 0x03, 1, 0x96, 0x01}, single{0x08, 0x05};
  std::vector<std::int64_t> values;
  ASSERT_TRUE(append_ints(read_all(packed)->at(0), values, 3).ok());
  ASSERT_TRUE(append_ints(read_all(single)->at(0), values, 3).ok());
  EXPECT_EQ(values, (std::vector<std::int64_t>{1, 150, 5}));
  EXPECT_FALSE(append_ints(read_all(single)->at(0), values, 3).ok());
  EXPECT_FALSE(append_ints(read_all(Bytes{0x0A, 0x01, 0x80})->at(0), values, 9).ok());
  EXPECT_FALSE(append_ints(read_all(Bytes{0x0D, 0, 0, 0, 0})->at(0), values, 9).ok());
  std::vector<float> floats;
  EXPECT_FALSE(append_floats(read_all(Bytes{0x0A, 0x03, 0, 0, 0})->at(0), floats, 9).ok());
  EXPECT_FALSE(
      append_floats(read_all(Bytes{0x0A, 0x08, 0, 0, 0, 0, 0, 0, 0, 0})->at(0), floats, 1).ok());
  ASSERT_TRUE(append_floats(read_all(Bytes{0x0A, 0x04, 0, 0, 0x80, 0x3F})->at(0), floats, 1).ok());
  EXPECT_EQ(floats, std::vector<float>{1.0F});
}

}  // namespace
}  // namespace torchkeep::runtime::wire
