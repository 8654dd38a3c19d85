#include "torchkeep/container/header.h"

#include <functional>

#include <gtest/gtest.h>

#include "tests/container/sample.h"

namespace torchkeep::container {
namespace {

using testing::sample_header;

std::string spelling(const Header& header) { return to_string(encode(header)); }

TEST(ContainerHeader, IsCanonicalJson) {
  EXPECT_EQ(spelling(sample_header(1000)),
            "{\"created\":\"2026-11-23T10:00:00Z\",\"format\":1,"
            "\"key_id\":\"cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd\","
            "\"model\":\"abababababababababababababababababababababababababababababababab\","
            "\"payload_bytes\":1000,\"payload_kind\":\"onnx\",\"version\":3}");
}

TEST(ContainerHeader, ReadsBackWhatItWrites) {
  Header header = sample_header(kMaxPayloadBytes);
  header.version = ~std::uint64_t{0};
  header.signature = R"({"inputs":[{"datatype":"FP32","name":"x","shape":[-1,3]}]})";
  const Header read = parse_header(encode(header)).value();
  EXPECT_EQ(read.model, header.model);
  EXPECT_EQ(read.version, header.version);
  EXPECT_EQ(read.payload_kind, "onnx");
  EXPECT_EQ(read.payload_bytes, header.payload_bytes);
  EXPECT_EQ(read.key_id, header.key_id);
  EXPECT_EQ(read.created, header.created);
  EXPECT_EQ(read.signature, header.signature);
}

TEST(Container, SaysWhetherItIsRunWholeOrByOperator) {
  Header header = sample_header(1000);
  header.payload_kind = kPayloadOperators;
  EXPECT_EQ(parse_header(encode(header)).value().payload_kind, "operators");
}

struct BadHeader {
  const char* name;
  std::function<void(Header&)> spoil;
  const char* told;
};
void PrintTo(const BadHeader& bad, std::ostream* out) { *out << bad.name; }
class BadHeaders : public ::testing::TestWithParam<BadHeader> {};

TEST_P(BadHeaders, AreNotWritten) {
  Header header = sample_header(1000);
  GetParam().spoil(header);
  const Result<void> checked = check_header(header);
  ASSERT_FALSE(checked);
  EXPECT_EQ(checked.error().code, ErrorCode::InvalidArgument);
  EXPECT_NE(checked.error().message.find(GetParam().told), std::string::npos) << checked.error();
}

INSTANTIATE_TEST_SUITE_P(
    Container, BadHeaders,
    ::testing::Values(
        BadHeader{"VersionZero", [](Header& h) { h.version = 0; }, "\"version\" is 0"},
        BadHeader{"NoPayload", [](Header& h) { h.payload_bytes = 0; }, "\"payload_bytes\" is 0"},
        BadHeader{"TooMuchPayload", [](Header& h) { h.payload_bytes = kMaxPayloadBytes + 1; },
                  "\"payload_bytes\""},
        BadHeader{"NoKind", [](Header& h) { h.payload_kind.clear(); }, "\"payload_kind\""},
        BadHeader{"OtherKind", [](Header& h) { h.payload_kind = "pickle"; }, "\"payload_kind\""},
        BadHeader{"KindThatIsNoText", [](Header& h) { h.payload_kind = "\xff"; },
                  "\"payload_kind\""},
        BadHeader{"FractionOfASecond", [](Header& h) { h.created += Duration(1); }, "\"created\""},
        BadHeader{"TheYear12000", [](Header& h) { h.created += std::chrono::years(9974); },
                  "\"created\""},
        BadHeader{"SignatureThatIsNoJson", [](Header& h) { h.signature = "x"; }, "signature"},
        BadHeader{"SignatureThatIsNoObject", [](Header& h) { h.signature = "[]"; }, "signature"},
        BadHeader{"SignatureWithSpaces", [](Header& h) { h.signature = "{ }"; }, "signature"},
        BadHeader{"SignatureWithFractions", [](Header& h) { h.signature = "{\"a\":0.5}"; },
                  "signature"},
        BadHeader{"SignatureTooLong",
                  [](Header& h) {
                    h.signature = text("{\"a\":\"", std::string(kMaxHeaderBytes, 'x'), "\"}");
                  },
                  "bytes, at most"}),
    [](const auto& tested) { return std::string(tested.param.name); });

struct Spelling {
  const char* name;
  std::function<void(std::string&)> spoil;
};
void PrintTo(const Spelling& bad, std::ostream* out) { *out << bad.name; }

void replace(std::string& in, std::string_view what, std::string_view by) {
  const std::size_t place = in.find(what);
  TORCHKEEP_CHECK(place != std::string::npos);
  in.replace(place, what.size(), by);
}
auto replacing(std::string_view what, std::string_view by) {
  return [what, by](std::string& header) { replace(header, what, by); };
}

class Spellings : public ::testing::TestWithParam<Spelling> {};

TEST_P(Spellings, AreRefused) {
  std::string header = spelling(sample_header(1000));
  GetParam().spoil(header);
  EXPECT_EQ(parse_header(as_bytes(header)).error().code, ErrorCode::Malformed);
}

INSTANTIATE_TEST_SUITE_P(
    Container, Spellings,
    ::testing::Values(
        Spelling{"Empty", [](std::string& h) { h.clear(); }},
        Spelling{"NoJson", [](std::string& h) { h = "TKM1"; }},
        Spelling{"NoObject", [](std::string& h) { h = "[]"; }},
        Spelling{"TooLong", [](std::string& h) { h.append(kMaxHeaderBytes, ' '); }},
        Spelling{"SpaceBehind", [](std::string& h) { h += ' '; }},
        Spelling{"SpaceBefore", [](std::string& h) { h.insert(0, " "); }},
        Spelling{"SpaceInside", replacing(",\"format\"", ", \"format\"")},
        Spelling{"NewLineBehind", [](std::string& h) { h += '\n'; }},
        Spelling{"NulBehind", [](std::string& h) { h += '\0'; }},
        Spelling{"ByteOrderMark", [](std::string& h) { h.insert(0, "\xef\xbb\xbf"); }},
        Spelling{"SecondDocument", [](std::string& h) { h += "{}"; }},
        Spelling{"CutShort", [](std::string& h) { h.pop_back(); }},
        Spelling{"OtherOrder", replacing("\"created\":\"2026-11-23T10:00:00Z\",\"format\":1",
                                         "\"format\":1,\"created\":\"2026-11-23T10:00:00Z\"")},
        Spelling{"RepeatedField", replacing("\"format\":1", "\"format\":1,\"format\":1")},
        Spelling{"UnknownField", replacing("\"version\":3", "\"version\":3,\"zone\":1")},
        Spelling{"EscapedLetter", replacing("\"onnx\"", "\"\\u006fnnx\"")},
        Spelling{"NoFormat", replacing("\"format\":1,", "")},
        Spelling{"NextFormat", replacing("\"format\":1", "\"format\":2")},
        Spelling{"FormatInQuotes", replacing("\"format\":1", "\"format\":\"1\"")},
        Spelling{"NoModel", replacing("\"model\":\"abab", "\"model\":\"ab")},
        Spelling{"ModelInCapitals", replacing("\"abab", "\"ABAB")},
        Spelling{"KeyIdInCapitals", replacing("\"cdcd", "\"CDCD")},
        Spelling{"KeyIdTooLong", replacing("\"cdcd", "\"cdcdcd")},
        Spelling{"VersionZero", replacing("\"version\":3", "\"version\":0")},
        Spelling{"VersionNegative", replacing("\"version\":3", "\"version\":-3")},
        Spelling{"VersionFraction", replacing("\"version\":3", "\"version\":3.0")},
        Spelling{"VersionExponent", replacing("\"version\":3", "\"version\":3e0")},
        Spelling{"VersionAbove64Bits",
                 replacing("\"version\":3", "\"version\":18446744073709551616")},
        Spelling{"NoPayload", replacing(":1000,", ":0,")},
        Spelling{"TooMuchPayload", replacing(":1000,", ":1152921504606846976,")},
        Spelling{"OtherKind", replacing("onnx", "onnz")},
        Spelling{"TimeWithFraction", replacing("00Z", "00.0Z")},
        Spelling{"TimeElsewhere", replacing("00Z", "00+01:00")},
        Spelling{"NoSuchDay", replacing("11-23", "11-31")},
        Spelling{"SignatureNull", replacing("\"version\"", "\"signature\":null,\"version\"")},
        Spelling{"SignatureText", replacing("\"version\"", "\"signature\":\"{}\",\"version\"")}),
    [](const auto& tested) { return std::string(tested.param.name); });

}  // namespace
}  // namespace torchkeep::container
