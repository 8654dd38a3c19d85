#include "torchkeep/container/internal/floe.h"

#include <gtest/gtest.h>

#include "torchkeep/base/text.h"

#include "tests/support/files.h"

namespace torchkeep::container {
namespace {

constexpr std::string_view kAssociated = "This is AAD";

Bytes zero_key() { return Bytes(crypto::kKeyBytes, 0); }

struct KnownAnswer {
  const char* name;
  FloeParameters parameters;
};

void PrintTo(const KnownAnswer& known, std::ostream* out) { *out << known.name; }

/// A stored message, cut where its parameters say.
struct Message {
  Bytes header;
  std::vector<Bytes> segments;

  static Message cut(ByteView stored, const FloeParameters& parameters) {
    Message message;
    message.header = to_bytes(stored.first(kFloeHeaderBytes));
    stored = stored.subspan(kFloeHeaderBytes);
    while (!stored.empty()) {
      const std::size_t size = std::min<std::size_t>(stored.size(), parameters.segment_bytes);
      message.segments.push_back(to_bytes(stored.first(size)));
      stored = stored.subspan(size);
    }
    return message;
  }
};

class FloeKnownAnswers : public ::testing::TestWithParam<KnownAnswer> {
 protected:
  Bytes load(std::string_view what) const {
    return testing::load_hex_vector(
        text("container/vectors/floe/", GetParam().name, "_", what, ".txt"));
  }
};

TEST_P(FloeKnownAnswers, AreDecrypted) {
  const Message message = Message::cut(load("ct"), GetParam().parameters);
  const FloeMessage keys =
      FloeMessage::open(GetParam().parameters, zero_key(), as_bytes(kAssociated), message.header)
          .value();
  FloeSegments cipher(keys);
  Bytes plaintext;
  for (std::size_t i = 0; i < message.segments.size(); ++i) {
    Bytes part(message.segments[i].size() - kFloeOverheadBytes);
    const bool is_final = i + 1 == message.segments.size();
    ASSERT_TRUE(cipher.decrypt(i, is_final, message.segments[i], part)) << i;
    append(plaintext, part);
  }
  EXPECT_EQ(plaintext, load("pt"));
}

TEST_P(FloeKnownAnswers, AreMadeAgainFromTheirIvAndNonces) {
  const Bytes stored = load("ct");
  const Message message = Message::cut(stored, GetParam().parameters);
  const FloeIv iv =
      *to_array<kFloeIvBytes>(ByteView(message.header).subspan(kFloeParameterBytes, kFloeIvBytes));
  const FloeMessage keys =
      FloeMessage::begin(GetParam().parameters, zero_key(), as_bytes(kAssociated), iv);
  FloeSegments cipher(keys);
  Bytes again = to_bytes(keys.header());
  const Bytes plaintext = load("pt");
  std::size_t begin = 0;
  for (std::size_t i = 0; i < message.segments.size(); ++i) {
    const Bytes& segment = message.segments[i];
    const auto nonce =
        *to_array<crypto::kNonceBytes>(ByteView(segment).subspan(4, crypto::kNonceBytes));
    const std::size_t size = segment.size() - kFloeOverheadBytes;
    Bytes out(segment.size());
    cipher.encrypt(i, i + 1 == message.segments.size(), nonce,
                   ByteView(plaintext).subspan(begin, size), out);
    append(again, out);
    begin += size;
  }
  EXPECT_EQ(again, stored);
}

TEST_P(FloeKnownAnswers, AreRefusedWithAnyBitFlippedOrAtAnotherPlace) {
  const Message message = Message::cut(load("ct"), GetParam().parameters);
  const FloeParameters& parameters = GetParam().parameters;
  for (std::size_t bit = 0; bit < kFloeHeaderBytes * 8; ++bit) {
    Bytes header = message.header;
    header[bit / 8] ^= static_cast<std::uint8_t>(1 << bit % 8);
    EXPECT_FALSE(FloeMessage::open(parameters, zero_key(), as_bytes(kAssociated), header)) << bit;
  }
  const FloeMessage keys =
      FloeMessage::open(parameters, zero_key(), as_bytes(kAssociated), message.header).value();
  FloeSegments cipher(keys);
  const Bytes& last = message.segments.back();
  const std::size_t position = message.segments.size() - 1;
  Bytes out(last.size() - kFloeOverheadBytes);
  for (std::size_t bit = 0; bit < last.size() * 8; ++bit) {
    Bytes segment = last;
    segment[bit / 8] ^= static_cast<std::uint8_t>(1 << bit % 8);
    EXPECT_FALSE(cipher.decrypt(position, true, segment, out)) << bit;
  }
  EXPECT_FALSE(cipher.decrypt(position, false, last, out));
  EXPECT_FALSE(cipher.decrypt(position + 1, true, last, out));
  EXPECT_TRUE(cipher.decrypt(position, true, last, out));
}

constexpr FloeParameters k64{.segment_bytes = 64};
constexpr FloeParameters k4096{.segment_bytes = 4096};
constexpr FloeParameters k40{.segment_bytes = 40};
constexpr FloeParameters kRotating{.segment_bytes = 40, .rotation_bits = 2};

INSTANTIATE_TEST_SUITE_P(Floe, FloeKnownAnswers,
                         ::testing::Values(KnownAnswer{"cpp_GCM256_IV256_64", k64},
                                           KnownAnswer{"java_GCM256_IV256_64", k64},
                                           KnownAnswer{"rust_GCM256_IV256_64", k64},
                                           KnownAnswer{"java_GCM256_IV256_4K", k4096},
                                           KnownAnswer{"java_lastSegEmpty", k40},
                                           KnownAnswer{"cpp_rotation", kRotating},
                                           KnownAnswer{"go_rotation", kRotating},
                                           KnownAnswer{"java_rotation", kRotating},
                                           KnownAnswer{"pub_java_rotation", kRotating}),
                         [](const auto& tested) { return std::string(tested.param.name); });

struct Refusal {
  const char* name;
  FloeParameters parameters;
  std::uint8_t key_byte;
  std::string_view associated;
  std::size_t header_bytes;
  ErrorCode expected;
};

void PrintTo(const Refusal& refusal, std::ostream* out) { *out << refusal.name; }

class FloeHeaders : public ::testing::TestWithParam<Refusal> {};

TEST_P(FloeHeaders, AreRefused) {
  Bytes header = to_bytes(
      FloeMessage::begin(k64, zero_key(), as_bytes(kAssociated), FloeIv{1, 2, 3}).header());
  header.resize(GetParam().header_bytes);
  const auto opened =
      FloeMessage::open(GetParam().parameters, Bytes(crypto::kKeyBytes, GetParam().key_byte),
                        as_bytes(GetParam().associated), header);
  EXPECT_EQ(opened.error().code, GetParam().expected);
}

INSTANTIATE_TEST_SUITE_P(
    Floe, FloeHeaders,
    ::testing::Values(
        Refusal{"UnderAnotherKey", k64, 1, kAssociated, kFloeHeaderBytes, ErrorCode::Untrusted},
        Refusal{"WithOtherData", k64, 0, "This is AAd", kFloeHeaderBytes, ErrorCode::Untrusted},
        Refusal{"WithoutData", k64, 0, "", kFloeHeaderBytes, ErrorCode::Untrusted},
        Refusal{"OfOtherSegments", k40, 0, kAssociated, kFloeHeaderBytes, ErrorCode::Malformed},
        Refusal{"CutShort", k64, 0, kAssociated, kFloeHeaderBytes - 1, ErrorCode::Malformed},
        Refusal{"TooLong", k64, 0, kAssociated, kFloeHeaderBytes + 1, ErrorCode::Malformed},
        Refusal{"Empty", k64, 0, kAssociated, 0, ErrorCode::Malformed}),
    [](const auto& tested) { return std::string(tested.param.name); });

TEST(Floe, WipesWhatItRefuses) {
  const FloeMessage keys = FloeMessage::begin(k64, zero_key(), as_bytes(kAssociated), FloeIv{});
  FloeSegments cipher(keys);
  const Bytes plaintext(k64.plaintext_bytes(), 0x55);
  Bytes segment(k64.segment_bytes);
  cipher.encrypt(0, false, {}, plaintext, segment);
  Bytes out(plaintext.size(), 0xFF);
  segment[0] ^= 1;  // The length field, which the tag does not cover.
  EXPECT_EQ(cipher.decrypt(0, false, segment, out).error().code, ErrorCode::Malformed);
  EXPECT_EQ(out, Bytes(plaintext.size(), 0));
}

TEST(Floe, TakesTheLargestAssociatedData) {
  const Bytes associated(kMaxFloeAssociatedBytes, 'a');
  const FloeMessage keys = FloeMessage::begin(k64, zero_key(), associated, FloeIv{});
  EXPECT_TRUE(FloeMessage::open(k64, zero_key(), associated, keys.header()));
  EXPECT_EQ(keys.segment_key(kMaxFloeSegments - 1).size(), crypto::kKeyBytes);
}

}  // namespace
}  // namespace torchkeep::container
