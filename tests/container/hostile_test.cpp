#include <filesystem>
#include <functional>

#include <gtest/gtest.h>

#include "tests/container/sample.h"

namespace torchkeep::container {
namespace {

using namespace testing;

/// A container on the disk of an adversary.
class HostileContainer : public ::testing::Test {
 protected:
  Bytes write(const Header& header, const crypto::DataKey& key = sample_key()) {
    digest_ = write_sample(path_, header, pool_, key);
    return load(path_);
  }
  Result<Bytes> read(ByteView stored, const Header& header) {
    store(path_, stored);
    return read_all(path_, expectation(header, digest_), pool_);
  }
  static std::size_t beginning_bytes(const Header& header) {
    return 8 + encode(header).size() + 74;
  }

  torchkeep::testing::TemporaryFolder folder_;
  Path path_ = folder_ / "model.tkm";
  ThreadPool pool_{2};
  ContainerDigest digest_;
};

TEST_F(HostileContainer, IsRefusedWithAnyBitFlipped) {
  const Header header = sample_header(150);
  const Bytes genuine = write(header);
  ASSERT_TRUE(read(genuine, header));
  for (std::size_t bit = 0; bit < genuine.size() * 8; ++bit) {
    Bytes altered = genuine;
    altered[bit / 8] ^= static_cast<std::uint8_t>(1 << bit % 8);
    const Result<Bytes> refused = read(altered, header);
    ASSERT_FALSE(refused) << "bit " << bit;
    ASSERT_TRUE(refused.error().code == ErrorCode::Untrusted ||
                refused.error().code == ErrorCode::Malformed)
        << "bit " << bit << ": " << refused.error();
  }
}

TEST_F(HostileContainer, IsRefusedCutShortAnywhere) {
  const Header header = sample_header(150);
  const Bytes genuine = write(header);
  for (std::size_t size = 0; size < genuine.size(); ++size) {
    const Result<Bytes> refused = read(ByteView(genuine).first(size), header);
    ASSERT_FALSE(refused) << size;
    ASSERT_EQ(refused.error().code, ErrorCode::Malformed) << size << ": " << refused.error();
  }
}

TEST_F(HostileContainer, IsRefusedWithBytesBehindIt) {
  const Header header = sample_header(150);
  Bytes longer = write(header);
  longer.push_back(0);
  const Result<Bytes> refused = read(longer, header);
  EXPECT_EQ(refused.error().code, ErrorCode::Untrusted);
  EXPECT_EQ(refused.error().message, "bytes follow the last of 1 segments");
  EXPECT_EQ(load_digest(path_, pool_).error().code, ErrorCode::Malformed);
}

struct Splice {
  const char* name;
  /// Alters three full segments and a short one.
  std::function<void(std::vector<Bytes>& segments)> splice;
  ErrorCode expected;
  const char* told;
};
void PrintTo(const Splice& splice, std::ostream* out) { *out << splice.name; }

class Splices : public HostileContainer, public ::testing::WithParamInterface<Splice> {};

TEST_P(Splices, AreRefused) {
  const Header header = sample_header(3 * kSegmentPlaintext + 100);
  const Bytes genuine = write(header);
  const std::size_t beginning = beginning_bytes(header);
  std::vector<Bytes> segments;
  for (std::size_t at = beginning; at < genuine.size(); at += 1 << 20) {
    const std::size_t size = std::min<std::size_t>(1 << 20, genuine.size() - at);
    segments.push_back(to_bytes(ByteView(genuine).subspan(at, size)));
  }
  ASSERT_EQ(segments.size(), 4u);
  GetParam().splice(segments);
  Bytes spliced = to_bytes(ByteView(genuine).first(beginning));
  for (const Bytes& segment : segments) append(spliced, segment);
  const Result<Bytes> refused = read(spliced, header);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, GetParam().expected) << refused.error();
  EXPECT_NE(refused.error().message.find(GetParam().told), std::string::npos) << refused.error();
}

INSTANTIATE_TEST_SUITE_P(
    Container, Splices,
    ::testing::Values(Splice{"FirstTwoSwapped", [](auto& s) { std::swap(s[0], s[1]); },
                             ErrorCode::Untrusted, "segment 1 of 4"},
                      Splice{"SecondRepeated", [](auto& s) { s[2] = s[1]; }, ErrorCode::Untrusted,
                             "segment 3 of 4"},
                      Splice{"ThirdLeftOut", [](auto& s) { s.erase(s.begin() + 2); },
                             ErrorCode::Malformed, "segment 3 of 4"},
                      Splice{"FinalLeftOut", [](auto& s) { s.pop_back(); }, ErrorCode::Malformed,
                             "segment 4 of 4"},
                      Splice{"FinalCutShort", [](auto& s) { s[3].pop_back(); },
                             ErrorCode::Malformed, "segment 4 of 4"},
                      Splice{"FinalMarkedAsNotFinal",
                             [](auto& s) { std::fill_n(s[3].begin(), 4, std::uint8_t{255}); },
                             ErrorCode::Malformed, "segment 4 of 4"},
                      Splice{"FullMarkedAsFinal",
                             [](auto& s) {
                               Bytes length;
                               append_be32(length, 1 << 20);
                               std::ranges::copy(length, s[1].begin());
                             },
                             ErrorCode::Malformed, "segment 2 of 4"},
                      Splice{"SegmentInserted", [](auto& s) { s.insert(s.begin() + 1, s[0]); },
                             ErrorCode::Untrusted, "segment 2 of 4"},
                      Splice{"SegmentAppended", [](auto& s) { s.push_back(s[0]); },
                             ErrorCode::Untrusted, "bytes follow the last"}),
    [](const auto& tested) { return std::string(tested.param.name); });

TEST_F(HostileContainer, RefusesASegmentOfAnotherContainerUnderTheSameKey) {
  const Header header = sample_header(2 * kSegmentPlaintext);
  const Bytes other = write(header);
  Bytes mixed = write(header);
  const auto middle = static_cast<std::ptrdiff_t>(beginning_bytes(header) + (1 << 20));
  std::copy(other.begin() + middle, other.end(), mixed.begin() + middle);
  const Result<Bytes> refused = read(mixed, header);
  EXPECT_EQ(refused.error().code, ErrorCode::Untrusted);
  EXPECT_EQ(refused.error().message, "segment 2 of 2: authentication tag does not match");
}

TEST_F(HostileContainer, RefusesTheHeaderOfAnotherContainerUnderTheSameKey) {
  Header newer = sample_header(150);
  newer.version = 4;
  const Bytes other = write(newer);
  const Header header = sample_header(150);
  const Bytes genuine = write(header);
  // Version 3's segments behind version 4's header, FLOE header and all or without it.
  for (const std::size_t taken : {beginning_bytes(header), beginning_bytes(header) - 74}) {
    Bytes mixed = to_bytes(ByteView(other).first(taken));
    append(mixed, ByteView(genuine).subspan(taken));
    EXPECT_EQ(read(mixed, newer).error().code, ErrorCode::Untrusted) << taken;
    EXPECT_EQ(read(mixed, header).error().code, ErrorCode::Untrusted) << taken;
  }
}

TEST_F(HostileContainer, RefusesAGenuineContainerThatTheOwnerDidNotSign) {
  const Header header = sample_header(150);
  write(header);
  const ContainerDigest first = digest_;
  const Bytes second = write(header);
  store(path_, second);
  const auto refused = read_all(path_, expectation(header, first), pool_);
  EXPECT_EQ(refused.error().code, ErrorCode::Untrusted);
  EXPECT_EQ(refused.error().message, text("its digest is ", digest_.hex(), ", the owner signed ",
                                          first.hex(), " for this version"));
}

TEST_F(HostileContainer, IsRefusedByNameWhenItIsNotTheOneExpected) {
  const Header header = sample_header(150);
  write(header);
  const Expectation genuine = expectation(header, digest_);

  const auto wrong_key = Reader::open(path_, sample_key(2), genuine, pool_);
  EXPECT_EQ(wrong_key.error().code, ErrorCode::Untrusted);
  EXPECT_NE(wrong_key.error().message.find("this key is not the container's"), std::string::npos);

  Expectation other = genuine;
  other.model.bytes[0] ^= 1;
  const auto wrong_model = Reader::open(path_, sample_key(), other, pool_);
  EXPECT_EQ(wrong_model.error().code, ErrorCode::Untrusted);
  EXPECT_NE(wrong_model.error().message.find("is a container of model abab"), std::string::npos);

  other = genuine;
  other.version = 2;
  const auto wrong_version = Reader::open(path_, sample_key(), other, pool_);
  EXPECT_EQ(wrong_version.error().code, ErrorCode::Untrusted);
  EXPECT_NE(wrong_version.error().message.find("is version 3 of the model, not 2"),
            std::string::npos);
}

TEST_F(HostileContainer, IsOfNoUseAfterAFailure) {
  const Header header = sample_header(3 * kSegmentPlaintext);
  Bytes altered = write(header);
  altered[beginning_bytes(header) + (1 << 20) + 5000] ^= 1;
  store(path_, altered);
  Reader reader = Reader::open(path_, sample_key(), expectation(header, digest_), pool_).value();
  Bytes out(3 * kSegmentPlaintext, 0xFF);
  const auto failed = reader.read_exactly(out);
  EXPECT_EQ(failed.error().code, ErrorCode::Untrusted);
  EXPECT_EQ(failed.error().message, "segment 2 of 3: authentication tag does not match");
  EXPECT_EQ(out, Bytes(out.size(), 0));  // the good first segment too

  Bytes more(10, 0xFF);
  EXPECT_EQ(reader.read_exactly(more).error().code, ErrorCode::Untrusted);
  EXPECT_EQ(more, Bytes(10, 0));
  EXPECT_EQ(reader.finish().error().code, ErrorCode::Untrusted);
  EXPECT_EQ(reader.finish().error().code, ErrorCode::Untrusted);
}

TEST_F(HostileContainer, IsRefusedIfItShrinksWhileItIsRead) {
  const Header header = sample_header(20 * kSegmentPlaintext);
  const Bytes genuine = write(header);
  Reader reader = Reader::open(path_, sample_key(), expectation(header, digest_), pool_).value();
  Bytes out(kSegmentPlaintext);
  ASSERT_TRUE(reader.read_exactly(out));
  std::filesystem::resize_file(path_, genuine.size() / 2);
  Bytes rest(19 * kSegmentPlaintext, 0xFF);
  EXPECT_EQ(reader.read_exactly(rest).error().code, ErrorCode::Malformed);
  EXPECT_EQ(rest, Bytes(rest.size(), 0));
}

TEST_F(HostileContainer, GivesNothingPastThePayloadsEnd) {
  const Header header = sample_header(150);
  write(header);
  Reader reader = Reader::open(path_, sample_key(), expectation(header, digest_), pool_).value();
  Bytes out(151, 0xFF);
  EXPECT_EQ(reader.read_exactly(out).error().code, ErrorCode::InvalidArgument);
  EXPECT_EQ(out, Bytes(151, 0));
  EXPECT_EQ(reader.finish().error().code, ErrorCode::Untrusted);
}

TEST_F(HostileContainer, DoesNotFinishBeforeAllIsRead) {
  const Header header = sample_header(150);
  write(header);
  Reader reader = Reader::open(path_, sample_key(), expectation(header, digest_), pool_).value();
  Bytes out(149);
  ASSERT_TRUE(reader.read_exactly(out));
  EXPECT_EQ(reader.finish().error().code, ErrorCode::InvalidArgument);
  EXPECT_EQ(reader.finish().error().code, ErrorCode::Untrusted);
}

TEST_F(HostileContainer, MayClaimAnyPayloadAndCostsNoMemoryForIt) {
  Header header = sample_header(150);
  const Bytes genuine = write(header);
  header.payload_bytes = kMaxPayloadBytes;
  Bytes huge = to_bytes(as_bytes(kMagic));
  append_le32(huge, static_cast<std::uint32_t>(encode(header).size()));
  append(huge, encode(header));
  append(huge, ByteView(genuine).last(74 + 32 + 150));
  store(path_, huge);
  const auto opened = Reader::open(path_, sample_key(), expectation(header, digest_), pool_);
  EXPECT_EQ(opened.error().code, ErrorCode::Untrusted);
  EXPECT_EQ(load_digest(path_, pool_).error().code, ErrorCode::Malformed);
}

struct Beginning {
  const char* name;
  Bytes bytes;
};
void PrintTo(const Beginning& beginning, std::ostream* out) { *out << beginning.name; }

class Beginnings : public HostileContainer, public ::testing::WithParamInterface<Beginning> {};

TEST_P(Beginnings, AreMalformed) {
  store(path_, GetParam().bytes);
  const Header header = sample_header(150);
  EXPECT_EQ(read_all(path_, expectation(header, {}), pool_).error().code, ErrorCode::Malformed);
  EXPECT_EQ(load_header(path_).error().code, ErrorCode::Malformed);
  EXPECT_EQ(load_digest(path_, pool_).error().code, ErrorCode::Malformed);
}

Bytes beginning(std::string_view magic, std::uint32_t length, std::string_view header) {
  Bytes out = to_bytes(as_bytes(magic));
  append_le32(out, length);
  append(out, as_bytes(header));
  return out;
}

INSTANTIATE_TEST_SUITE_P(
    Container, Beginnings,
    ::testing::Values(
        Beginning{"Empty", {}}, Beginning{"MagicOnly", to_bytes(as_bytes("TKM1"))},
        Beginning{"OtherMagic", beginning("TKM2", 2, "{}")},
        Beginning{"Onnx", to_bytes(as_bytes("\x08\x07\x12\x07pytorch\x1a"))},
        Beginning{"NoHeader", beginning("TKM1", 0, std::string(500, ' '))},
        Beginning{"HeaderTooLong", beginning("TKM1", kMaxHeaderBytes + 1, std::string(70000, ' '))},
        Beginning{"HeaderOf4GiB", beginning("TKM1", 0xFFFFFFFF, std::string(70000, ' '))},
        Beginning{"HeaderCutShort", beginning("TKM1", 400, std::string(399, ' '))},
        Beginning{"HeaderThatIsNoJson", beginning("TKM1", 400, std::string(500, ' '))},
        Beginning{"NestedDeeply", beginning("TKM1", 20000, std::string(30000, '['))}),
    [](const auto& tested) { return std::string(tested.param.name); });

TEST(Reader, NamesAMissingFileAndAFolder) {
  torchkeep::testing::TemporaryFolder folder;
  ThreadPool pool(1);
  EXPECT_EQ(load_header(folder / "none").error().code, ErrorCode::NotFound);
  EXPECT_EQ(load_digest(folder / "none", pool).error().code, ErrorCode::NotFound);
  EXPECT_EQ(Reader::open(folder / "none", sample_key(), {}, pool).error().code,
            ErrorCode::NotFound);
  EXPECT_EQ(load_header(folder.path()).error().code, ErrorCode::InvalidArgument);
}

}  // namespace
}  // namespace torchkeep::container
