#include <gtest/gtest.h>

#include "torchkeep/keys/messages.h"

namespace torchkeep::keys {
namespace {

TEST(RefusalMessage, CarriesItsCodeAndExplanation) {
  const Error error = parse_refusal(
      403, encode_refusal(ErrorCode::Denied, "workers[0].mr_enclave: found 1", "abcd"));
  EXPECT_EQ(error.code, ErrorCode::Denied);
  EXPECT_EQ(error.message, "workers[0].mr_enclave: found 1 (request abcd)");
}

TEST(RefusalMessage, NamesTheLogWhereItExplainsNothing) {
  const Error error = parse_refusal(403, encode_refusal(ErrorCode::Untrusted, "", "abcd"));
  EXPECT_EQ(error.code, ErrorCode::Untrusted);
  EXPECT_NE(error.message.find("operator's log"), std::string::npos);
  EXPECT_NE(error.message.find("abcd"), std::string::npos);
}

TEST(RefusalMessage, CarriesEveryCode) {
  for (const ErrorCode code :
       {ErrorCode::InvalidArgument, ErrorCode::Malformed, ErrorCode::Untrusted, ErrorCode::Denied,
        ErrorCode::NotFound, ErrorCode::Unavailable, ErrorCode::Internal}) {
    EXPECT_EQ(parse_refusal(http_status(code), encode_refusal(code, "", "x")).code, code);
  }
}

TEST(RefusalMessage, OfTheInferenceProtocolKeepsItsWords) {
  const Error error = parse_refusal(503, as_bytes(R"({"error":"its lease has ended"})"));
  EXPECT_EQ(error.code, ErrorCode::Unavailable);
  EXPECT_EQ(error.message, "its lease has ended");
}

TEST(RefusalMessage, IsAStatusOfHttp) {
  EXPECT_EQ(http_status(ErrorCode::InvalidArgument), 400u);
  EXPECT_EQ(http_status(ErrorCode::Malformed), 400u);
  EXPECT_EQ(http_status(ErrorCode::Denied), 403u);
  EXPECT_EQ(http_status(ErrorCode::Untrusted), 403u);
  EXPECT_EQ(http_status(ErrorCode::NotFound), 404u);
  EXPECT_EQ(http_status(ErrorCode::Unavailable), 503u);
  EXPECT_EQ(http_status(ErrorCode::Internal), 500u);
}

TEST(RefusalMessage, EncodesBytesThatAreNoText) {
  const Error error = parse_refusal(400, encode_refusal(ErrorCode::Malformed, "odd \xff\x80", "x"));
  EXPECT_EQ(error.code, ErrorCode::Malformed);
  EXPECT_EQ(error.message.find("odd "), 0u);
}

struct HostileBody {
  const char* name;
  std::string body;
};

class HostileBodies : public ::testing::TestWithParam<HostileBody> {};

TEST_P(HostileBodies, FallBackOnTheStatus) {
  const std::string& body = GetParam().body;
  EXPECT_EQ(parse_refusal(403, as_bytes(body)).code, ErrorCode::Denied);
  EXPECT_EQ(parse_refusal(404, as_bytes(body)).code, ErrorCode::NotFound);
  EXPECT_EQ(parse_refusal(503, as_bytes(body)).code, ErrorCode::Unavailable);
  EXPECT_EQ(parse_refusal(500, as_bytes(body)).code, ErrorCode::Internal);
  EXPECT_EQ(parse_refusal(418, as_bytes(body)).code, ErrorCode::Malformed);
  EXPECT_LT(parse_refusal(403, as_bytes(body)).message.size(), 100u);
}

INSTANTIATE_TEST_SUITE_P(
    Keys, HostileBodies,
    ::testing::Values(
        HostileBody{"Empty", ""}, HostileBody{"Html", "<html>Bad gateway</html>"},
        HostileBody{"UnknownCode", R"({"error":"Fine","request_id":"1"})"},
        HostileBody{"NoRequestId", R"({"error":"Internal"})"},
        HostileBody{"MoreFields", R"({"error":"Internal","more":1,"request_id":"1"})"},
        HostileBody{"MessageIsANumber", R"({"error":"Internal","message":1,"request_id":"1"})"},
        HostileBody{"Deep", std::string(10000, '[')},
        HostileBody{"Huge", R"({"error":"Internal","message":")" + std::string(100000, 'a') +
                                R"(","request_id":"1"})"}),
    [](const auto& param) { return param.param.name; });

std::string message_of(std::string_view message) {
  return parse_refusal(403, encode_refusal(ErrorCode::Denied, message, "x")).message;
}

TEST(RefusalMessage, CannotPaintOnATerminal) {
  EXPECT_EQ(message_of("a\x1b[2Jb\r\n\x7f"), "a?[2Jb??? (request x)");
  EXPECT_EQ(message_of("c1 \xc2\x9b 31m"), "c1 ? 31m (request x)");
  EXPECT_EQ(message_of("turn \xe2\x80\xae round"), "turn ? round (request x)");
  EXPECT_EQ(message_of("line \xe2\x80\xa8 end"), "line ? end (request x)");
  EXPECT_EQ(message_of("isolate \xe2\x81\xa6"), "isolate ? (request x)");
}

TEST(RefusalMessage, LeavesOtherAlphabetsAlone) {
  EXPECT_EQ(message_of("gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80"),
            "gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80 (request x)");
}

TEST(RefusalMessage, IsCutBetweenCharacters) {
  std::string endless;
  while (endless.size() < 5000) endless += "\xe2\x82\xac";
  const std::string cut = message_of(endless);
  EXPECT_LT(cut.size(), 2100u);
  EXPECT_NE(cut.find("\xe2\x82\xac... (request x)"), std::string::npos);
}

TEST(RefusalMessage, CannotPaintWithItsRequestId) {
  const std::string body =
      R"({"error":"Denied","request_id":"\u001b[31m)" + std::string(200, 'a') + R"("})";
  const Error error = parse_refusal(403, as_bytes(body));
  EXPECT_EQ(error.message.find('\x1b'), std::string::npos);
  EXPECT_LT(error.message.size(), 250u);
}

}  // namespace
}  // namespace torchkeep::keys
