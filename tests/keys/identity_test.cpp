#include "torchkeep/keys/identity.h"

#include <gtest/gtest.h>

#include "torchkeep/keys/genesis.h"

#include "tests/support/fake_owner.h"

namespace torchkeep::keys {
namespace {

using testing::fake_data_key;
using testing::fake_owner_key;

TEST(ModelName, IsShortAndPlain) {
  for (const char* name : {"a", "resnet50", "0", "bert-base_v1.2", "-x", "a."}) {
    EXPECT_TRUE(check_model_name(name)) << name;
  }
  EXPECT_TRUE(check_model_name(std::string(64, 'a')));
}

TEST(ModelName, RefusesPathsControlCharactersAndCapitals) {
  for (const std::string_view name : std::initializer_list<std::string_view>{
           "", ".", "..", ".hidden", "a/b", "a\\b", "ResNet", "a b", "a\n", "\xc3\xa4",
           std::string_view("a\0b", 3)}) {
    EXPECT_EQ(check_model_name(name).error().code, ErrorCode::InvalidArgument) << name;
  }
  EXPECT_FALSE(check_model_name(std::string(65, 'a')));
}

TEST(ModelName, IsNotRepeatedInARefusal) {
  const std::string message = check_model_name("evil\x1b[2J").error().message;
  EXPECT_EQ(message.find('\x1b'), std::string::npos);
}

TEST(ModelId, IsTheOwnersAndTheNames) {
  const OwnerKey one = fake_owner_key(1).public_key();
  const OwnerKey two = fake_owner_key(2).public_key();
  EXPECT_EQ(model_id(one, "a"), model_id(one, "a"));
  EXPECT_NE(model_id(one, "a"), model_id(two, "a"));
  EXPECT_NE(model_id(one, "a"), model_id(one, "b"));
}

// Reckoned with Python's hashlib: what the pages in docs/formats say, not what we happen to do.
TEST(ModelId, IsAsDocumented) {
  OwnerKey owner;
  for (std::size_t i = 0; i < 32; ++i) owner.bytes[i] = static_cast<std::uint8_t>(i);
  EXPECT_EQ(model_id(owner, "resnet50").hex(),
            "fe1424b01fad06afa2ed2e9f446b1edbcc108ee39bd3c2f280254ffd19d21941");
}

TEST(KeyId, IsAsDocumented) {
  Bytes key;
  for (std::size_t i = 0; i < 32; ++i) key.push_back(static_cast<std::uint8_t>(i));
  EXPECT_EQ(key_id(key).hex(), "98954da1a01d367d9cc03260a54c8e18");
}

TEST(KeyId, DiffersWithEveryBitOfTheKey) {
  const Bytes key = to_bytes(fake_data_key(1).expose());
  for (std::size_t bit = 0; bit < key.size() * 8; ++bit) {
    Bytes other = key;
    other[bit / 8] ^= static_cast<std::uint8_t>(1u << bit % 8);
    EXPECT_NE(key_id(other), key_id(key)) << bit;
  }
}

TEST(OwnerKey, ReadsBackItsHex) {
  const OwnerKey owner = fake_owner_key(3).public_key();
  EXPECT_EQ(parse_owner_key(hex(owner)).value(), owner);
  EXPECT_EQ(parse_owner_key("").error().code, ErrorCode::Malformed);
  EXPECT_EQ(parse_owner_key(hex(owner) + "00").error().code, ErrorCode::Malformed);
  EXPECT_EQ(parse_owner_key("zz" + hex(owner).substr(2)).error().code, ErrorCode::Malformed);
}

GenesisDocument genesis_document() {
  GenesisDocument document;
  document.log_key.fill(1);
  document.roots.emplace_back().fill(2);
  document.simulated = true;
  document.random.fill(3);
  return document;
}

TEST(Genesis, ReadsBackItsDocument) {
  const auto read = parse_genesis(encode(genesis_document()));
  ASSERT_TRUE(read) << read.error();
  EXPECT_EQ(genesis_of(*read), genesis_of(genesis_document()));
}

TEST(Genesis, DiffersWithEveryField) {
  const Genesis genesis = genesis_of(genesis_document());
  GenesisDocument other = genesis_document();
  other.log_key[0] ^= 1;
  EXPECT_NE(genesis_of(other), genesis);
  other = genesis_document();
  other.roots[0][0] ^= 1;
  EXPECT_NE(genesis_of(other), genesis);
  other = genesis_document();
  other.simulated = false;
  EXPECT_NE(genesis_of(other), genesis);
  other = genesis_document();
  other.random[31] ^= 1;
  EXPECT_NE(genesis_of(other), genesis);
}

struct GenesisCase {
  const char* name;
  const char* field;
  json::Json value;  // null: the field is left out
};

class GenesisRefusals : public ::testing::TestWithParam<GenesisCase> {};

TEST_P(GenesisRefusals, AreMalformed) {
  json::Json document = encode(genesis_document());
  if (GetParam().value.is_null()) {
    document.erase(GetParam().field);
  } else {
    document[GetParam().field] = GetParam().value;
  }
  const auto read = parse_genesis(document);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, ErrorCode::Malformed);
}

const std::string kHash = encode_hex(Digest256{5});

INSTANTIATE_TEST_SUITE_P(
    Keys, GenesisRefusals,
    ::testing::Values(GenesisCase{"NoFormat", "format", nullptr},
                      GenesisCase{"OtherFormat", "format", 2u},
                      GenesisCase{"NoLogKey", "log_key", nullptr},
                      GenesisCase{"ShortLogKey", "log_key", "00"},
                      GenesisCase{"NoRandom", "random", nullptr},
                      GenesisCase{"RandomInCapitals", "random", std::string(64, 'A')},
                      GenesisCase{"NoRoots", "roots", json::Json::array()},
                      GenesisCase{"RootTwice", "roots", json::Json::array({kHash, kHash})},
                      GenesisCase{"RootIsANumber", "roots", json::Json::array({1u})},
                      GenesisCase{"SimulatedIsText", "simulated", "yes"},
                      GenesisCase{"UnknownField", "witnesses", json::Json::array()}),
    [](const auto& param) { return param.param.name; });

TEST(KeyServerContext, ReadsBackItsGenesis) {
  const Genesis genesis = testing::fake_genesis();
  EXPECT_EQ(parse_keyserver_context(encode_keyserver_context(genesis, Digest256{})).value(),
            genesis);
}

TEST(KeyServerContext, RefusesEveryOtherSize) {
  for (const std::size_t size : {0u, 32u, 63u, 65u, 96u}) {
    EXPECT_EQ(parse_keyserver_context(Bytes(size)).error().code, ErrorCode::Malformed) << size;
  }
}

}  // namespace
}  // namespace torchkeep::keys
