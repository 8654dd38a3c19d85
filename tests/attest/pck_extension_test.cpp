#include "torchkeep/attest/pck_extension.h"

#include <gtest/gtest.h>

#include "torchkeep/attest/quote.h"
#include "torchkeep/base/encoding.h"
#include "torchkeep/crypto/x509.h"

#include "tests/attest/vectors.h"

namespace torchkeep::attest {
namespace {

Bytes extension_of(const std::string& name) {
  const Quote quote = parse_quote(testing::load_dcap_vector(name).quote).value();
  const auto chain = crypto::parse_pem_chain(quote.certification_data).value();
  return chain[0].extensions(kPckExtensionOid).at(0);
}

TEST(PckExtension, OfAPlatformCaIsReadAndWrittenByteForByte) {
  const Bytes der = extension_of("sgx3-platform-tcbinfo-v2");
  const PckExtension extension = parse_pck_extension(der).value();
  EXPECT_EQ(encode_hex(extension.fmspc), "00606a000000");
  EXPECT_EQ(encode_hex(extension.ppid), "b9c92eb5053cb158956f4e68b6d82f52");
  EXPECT_EQ(encode_hex(extension.components), "04040303ffff00000000000000000000");
  EXPECT_EQ(encode_hex(extension.cpu_svn), "04040303ffff00000000000000000000");
  EXPECT_EQ(extension.pce_svn, 11);
  EXPECT_EQ(extension.sgx_type, 1);
  EXPECT_EQ(encode_hex(extension.platform_instance_id.value()), "c8c0cfb23d3dd90b06d55c0641693a7a");
  EXPECT_TRUE(extension.configuration.value().smt_enabled);
  EXPECT_EQ(encode(extension), der);
}

TEST(PckExtension, OfAProcessorCaIsReadAndWrittenByteForByte) {
  const Bytes der = extension_of("sgx3-cfgswhardening");
  const PckExtension extension = parse_pck_extension(der).value();
  EXPECT_EQ(encode_hex(extension.fmspc), "00a067110000");
  EXPECT_FALSE(extension.platform_instance_id.has_value());
  EXPECT_FALSE(extension.configuration.has_value());
  EXPECT_EQ(encode(extension), der);
}

TEST(PckExtension, CutShortAnywhereIsRefused) {
  const Bytes der = extension_of("sgx3-platform-tcbinfo-v2");
  for (std::size_t size = 0; size < der.size(); ++size) {
    EXPECT_FALSE(parse_pck_extension(ByteView(der).first(size)).ok()) << size;
  }
}

// Whatever a changed bit does, it is either refused or read as something that is written back.
TEST(PckExtension, WithAnyBitFlippedIsRefusedOrReadExactly) {
  const Bytes genuine = extension_of("sgx3-platform-tcbinfo-v2");
  const PckExtension original = parse_pck_extension(genuine).value();
  for (std::size_t bit = 0; bit < genuine.size() * 8; ++bit) {
    Bytes der = genuine;
    der[bit / 8] ^= static_cast<std::uint8_t>(1u << bit % 8);
    const auto parsed = parse_pck_extension(der);
    if (!parsed) {
      EXPECT_EQ(parsed.error().code, ErrorCode::Malformed);
    } else if (encode(*parsed) != der) {
      // The flipped bit made an optional item one that is not known.
      EXPECT_TRUE(!parsed->platform_instance_id || !parsed->configuration ||
                  *parsed->configuration != *original.configuration)
          << bit;
    }
  }
}

struct Edit {
  const char* name;
  const char* from;
  const char* to;
  const char* complaint;
};
class EditedPckExtensions : public ::testing::TestWithParam<Edit> {};

TEST_P(EditedPckExtensions, AreRefusedByName) {
  std::string hex = encode_hex(extension_of("sgx3-platform-tcbinfo-v2"));
  const auto at = hex.find(GetParam().from);
  ASSERT_NE(at, hex.npos);
  hex.replace(at, std::string_view(GetParam().from).size(), GetParam().to);
  const auto parsed = parse_pck_extension(decode_hex(hex).value());
  ASSERT_FALSE(parsed.ok());
  EXPECT_EQ(parsed.error().code, ErrorCode::Malformed);
  EXPECT_NE(parsed.error().message.find(GetParam().complaint), std::string::npos) << parsed.error();
}

INSTANTIATE_TEST_SUITE_P(
    All, EditedPckExtensions,
    ::testing::Values(
        Edit{"RepeatedItem", "0a2a864886f84d010d0103", "0a2a864886f84d010d0101", "twice"},
        Edit{"MissingFmspc", "0a2a864886f84d010d0104", "0a2a864886f84d010d0144", "FMSPC"},
        Edit{"MissingComponent", "0b2a864886f84d010d010210", "0b2a864886f84d010d010230",
             "TCB component 16"},
        Edit{"RepeatedComponent", "0b2a864886f84d010d010210", "0b2a864886f84d010d01020f", "twice"},
        Edit{"NegativeComponent", "0b2a864886f84d010d010201020104",
             "0b2a864886f84d010d0102010201f4", "TCB component 1 is negative"},
        Edit{"ComponentAbove255", "0b2a864886f84d010d010205020200ff",
             "0b2a864886f84d010d01020502020100", "TCB component 5"},
        Edit{"NeedlessZero", "0b2a864886f84d010d010205020200ff", "0b2a864886f84d010d0102050202000f",
             "needless"},
        Edit{"ComponentOfAnotherType", "0b2a864886f84d010d010201020104",
             "0b2a864886f84d010d010201040104", "TCB component 1"},
        Edit{"BooleanNeitherTrueNorFalse", "0b2a864886f84d010d0107010101ff",
             "0b2a864886f84d010d010701010101", "dynamic platform"}),
    [](const auto& edit) { return std::string(edit.param.name); });

TEST(PckExtension, WithBytesBehindItIsRefused) {
  Bytes der = extension_of("sgx3-platform-tcbinfo-v2");
  der.push_back(0);
  EXPECT_FALSE(parse_pck_extension(der).ok());
}

}  // namespace
}  // namespace torchkeep::attest
