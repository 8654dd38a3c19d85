#include "torchkeep/json/json.h"

#include <gtest/gtest.h>

namespace torchkeep::json {
namespace {

TEST(Parse, RefusesWhatIsAmbiguous) {
  for (const std::string_view bad :
       {"", "{", "{}x", "{\"a\":1,\"a\":2}", "{\"a\":{\"b\":1,\"b\":1}}", "{\"a\":01}", "\"\xff\"", "{'a':1}",
        "[1,]", "nul"}) {
    const auto parsed = parse(bad);
    ASSERT_FALSE(parsed) << bad;
    EXPECT_EQ(parsed.error().code, ErrorCode::Malformed);
  }
  EXPECT_FALSE(parse(std::string(40, '[') + std::string(40, ']')));
}

TEST(ParseCanonical, RefusesEveryOtherSpelling) {
  EXPECT_TRUE(parse_canonical(R"({"a":1,"b":[true,"x"]})"));
  for (const std::string_view bad : {R"({"b":1,"a":1})", R"({"a": 1})", R"({"a":1.0})", R"({"a":"\u0041"})",
                                     "{\"a\":1}\n", R"({"a":1e3})", R"({"a":-0})"}) {
    EXPECT_FALSE(parse_canonical(bad)) << bad;
  }
}

TEST(Json, DoesNotEndAtAZeroByte) {
  using namespace std::string_view_literals;
  EXPECT_FALSE(parse("{}\0{\"hidden\":1}"sv));
  EXPECT_FALSE(parse("{}\0"sv));
}

TEST(ObjectReader, NamesTheUnknownField) {
  const Json value = parse(R"({"name":"x","sise":3})").value();
  ObjectReader reader = ObjectReader::open(value, "config").value();
  EXPECT_EQ(reader.take_string("name").value(), "x");
  EXPECT_FALSE(reader.find_unsigned("size").value());
  const auto finished = reader.finish();
  ASSERT_FALSE(finished);
  EXPECT_EQ(finished.error().message, "config: unknown field \"sise\"; known here: name");
}

TEST(ObjectReader, RefusesOtherTypes) {
  const Json value = parse(R"({"n":-1,"s":1,"b":"true"})").value();
  ObjectReader reader = ObjectReader::open(value, "config").value();
  EXPECT_FALSE(reader.take_unsigned("n"));
  EXPECT_FALSE(reader.take_string("s"));
  EXPECT_FALSE(reader.find_bool("b"));
  EXPECT_FALSE(reader.take_string("absent"));
  EXPECT_FALSE(ObjectReader::open(parse("[]").value(), "config"));
}

}  // namespace
}  // namespace torchkeep::json
