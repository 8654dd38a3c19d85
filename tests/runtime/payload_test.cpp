#include "torchkeep/runtime/payload.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/runtime/graph_builder.h"

namespace torchkeep::runtime::testing {
namespace {

SecretBuffer some_payload() {
  GraphBuilder graph;
  graph.input("x", {2})
      .weights("w", {2}, {1, 2})
      .output("y", {2})
      .add(node("Add", {"x", "w"}, {"y"}));
  return graph.payload();
}

TEST(Payload, HeaderReadsBack) {
  const PayloadHeader header{1000, 64};
  const PayloadHeader again =
      parse_payload_header(encode_payload_header(header), header.total_bytes()).value();
  EXPECT_EQ(again.graph_bytes, 1000u);
  EXPECT_EQ(again.data_bytes, 64u);
  EXPECT_EQ((kPayloadHeaderBytes + 1000 + again.padding_bytes()) % kPayloadAlignment, 0u);
}

TEST(Payload, OfAnotherLengthThanItsPartsIsRefused) {
  const SecretBuffer payload = some_payload();
  for (const std::uint64_t length :
       {payload.size() - 1, payload.size() + 1, std::size_t{0}, kPayloadHeaderBytes - 1}) {
    const auto loaded = load_payload(source_of(payload), length);
    ASSERT_FALSE(loaded.ok()) << length;
    EXPECT_EQ(loaded.error().code, ErrorCode::Malformed);
  }
}

TEST(Payload, WithLengthsThatWrapAroundIsRefused) {
  for (const std::uint64_t data : {~std::uint64_t{0}, ~std::uint64_t{0} - 100}) {
    const PayloadHeader header{100, data};
    EXPECT_FALSE(parse_payload_header(encode_payload_header(header), 50).ok());
    EXPECT_FALSE(parse_payload_header(encode_payload_header(header), ~std::uint64_t{0}).ok());
  }
  EXPECT_FALSE(
      parse_payload_header(encode_payload_header({kMaxGraphBytes + 1, 0}), kMaxGraphBytes + 21)
          .ok());
}

TEST(Payload, EveryFlippedBitOfItsHeaderAndPaddingIsRefused) {
  SecretBuffer payload = some_payload();
  const PayloadHeader header =
      parse_payload_header(ByteView(payload).first(kPayloadHeaderBytes), payload.size()).value();
  std::vector<std::size_t> places;
  for (std::size_t i = 0; i < kPayloadHeaderBytes; ++i) places.push_back(i);
  for (std::size_t i = 0; i < header.padding_bytes(); ++i)
    places.push_back(kPayloadHeaderBytes + header.graph_bytes + i);
  for (const std::size_t place : places) {
    for (int bit = 0; bit < 8; ++bit) {
      payload[place] ^= static_cast<std::uint8_t>(1 << bit);
      EXPECT_FALSE(load(payload).ok()) << "byte " << place << " bit " << bit;
      payload[place] ^= static_cast<std::uint8_t>(1 << bit);
    }
  }
}

TEST(Payload, ASourceThatFailsAnywhereIsPassedOn) {
  const SecretBuffer payload = some_payload();
  for (int failing = 0; failing < 3; ++failing) {
    PayloadSource good = source_of(payload);
    int call = 0;
    const PayloadSource bad = [&](MutableByteView out) -> Result<void> {
      if (call++ == failing) return untrusted("segment 7: the tag does not match");
      return good(out);
    };
    const auto loaded = load_payload(bad, payload.size());
    ASSERT_FALSE(loaded.ok());
    EXPECT_EQ(loaded.error().code, ErrorCode::Untrusted);
    call = 0;
    good = source_of(payload);
    EXPECT_EQ(Model::load(bad, payload.size()).error().code, ErrorCode::Untrusted);
  }
}

TEST(Payload, IsReadFrontToBackAndOnce) {
  const SecretBuffer payload = some_payload();
  std::size_t position = 0;
  const auto loaded = load_payload(
      [&](MutableByteView out) -> Result<void> {
        std::copy_n(payload.begin() + static_cast<std::ptrdiff_t>(position), out.size(),
                    out.begin());
        position += out.size();
        return {};
      },
      payload.size());
  ASSERT_TRUE(loaded.ok());
  EXPECT_EQ(position, payload.size());
}

}  // namespace
}  // namespace torchkeep::runtime::testing
