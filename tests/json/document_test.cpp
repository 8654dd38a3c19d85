#include "torchkeep/json/document.h"

#include <gtest/gtest.h>

namespace torchkeep::json {
namespace {

TEST(Document, RefusesWhatIsAmbiguous) {
  using namespace std::string_view_literals;
  for (const std::string_view bad :
       {""sv, "{"sv, "{}x"sv, "{\"a\":1,\"a\":2}"sv, "{\"a\":{\"b\":1,\"b\":1}}"sv,
        "[[{\"a\":1,\"\\u0061\":2}]]"sv, "{\"a\":01}"sv, "\"\xff\""sv, "{'a':1}"sv, "[1,]"sv,
        "nul"sv, "{}\0{\"hidden\":1}"sv, "{}\0"sv}) {
    const auto parsed = Document::parse(bad);
    ASSERT_FALSE(parsed) << bad;
    EXPECT_EQ(parsed.error().code, ErrorCode::Malformed);
  }
}

TEST(Document, RefusesWhatIsDeepOrWide) {
  EXPECT_TRUE(Document::parse(std::string(32, '[') + std::string(32, ']')));
  EXPECT_FALSE(Document::parse(std::string(33, '[') + std::string(33, ']')));
  std::string wide = "{";
  for (int i = 0; i < 100; ++i) wide += text(i == 0 ? "" : ",", "\"", i, "\":0");
  EXPECT_TRUE(Document::parse(wide + "}"));
  EXPECT_FALSE(Document::parse(wide + ",\"100\":0}"));
}

TEST(FieldReader, TakesWhatIsThere) {
  const Document document =
      Document::parse(R"({"s":"A","n":18446744073709551615,"o":{"x":1},"a":["b","c"],"e":[]})")
          .value();
  const FieldReader reader = FieldReader::open(document.root(), "config").value();
  EXPECT_EQ(reader.size(), 5U);
  EXPECT_EQ(reader.take_string("s").value(), "A");
  EXPECT_EQ(reader.take_unsigned("n").value(), 18446744073709551615U);
  EXPECT_EQ(
      FieldReader::open(reader.take_object("o").value(), "o").value().take_unsigned("x").value(),
      1U);
  EXPECT_EQ(reader.take_strings("a").value(), (std::vector<std::string>{"b", "c"}));
  EXPECT_TRUE(reader.take_array("e").value().empty());
  EXPECT_FALSE(reader.find_string("absent").value());
}

TEST(FieldReader, RefusesOtherTypesAndNamesTheField) {
  const Document document = Document::parse(R"({"n":-1,"f":1.0,"s":1,"a":[1],"o":[]})").value();
  const FieldReader reader = FieldReader::open(document.root(), "config").value();
  EXPECT_EQ(reader.take_unsigned("n").error().message,
            "config: field \"n\" is not a whole number from 0");
  EXPECT_FALSE(reader.take_unsigned("f"));
  EXPECT_FALSE(reader.take_string("s"));
  EXPECT_FALSE(reader.find_string("s"));
  EXPECT_FALSE(reader.take_strings("a"));
  EXPECT_FALSE(reader.take_object("o"));
  EXPECT_FALSE(reader.take_array("n"));
  EXPECT_EQ(reader.take_string("absent").error().message, "config: field \"absent\" is missing");
  EXPECT_FALSE(FieldReader::open(Document::parse("[]").value().root(), "config"));
}

}  // namespace
}  // namespace torchkeep::json
