#include "torchkeep/attest/quote.h"

#include <gtest/gtest.h>

#include "torchkeep/base/encoding.h"

#include "tests/attest/vectors.h"

namespace torchkeep::attest {
namespace {

using testing::load_dcap_vector;
using testing::text_at;

constexpr const char* kGenuine = "sgx3-cfgswhardening";

TEST(Quote, OfARealMachineIsReadAsItsManifestSays) {
  const testing::Vector vector = load_dcap_vector(kGenuine);
  const Quote quote = parse_quote(vector.quote).value();
  const json::Json& expected = vector.manifest.at("expected");
  EXPECT_EQ(encode_hex(quote.report.mr_enclave), text_at(expected, "mrenclave"));
  EXPECT_EQ(encode_hex(quote.report.mr_signer), text_at(expected, "mrsigner"));
  EXPECT_EQ(encode_hex(quote.report.report_data), text_at(expected, "report_data"));
  EXPECT_EQ(encode_hex(quote.report.attributes), text_at(expected, "attributes"));
  EXPECT_EQ(encode_hex(quote.report.cpu_svn), text_at(expected, "cpu_svn"));
  EXPECT_EQ(quote.qe_report.isv_svn, expected.at("qe_isvsvn"));
  EXPECT_EQ(quote.certification_type, kPckChainPem);
}

TEST(Quote, OfEveryRealMachineIsEncodedAsItWasReceived) {
  std::size_t quotes = 0;
  for (const std::string& name : testing::dcap_vector_names()) {
    const testing::Vector vector = load_dcap_vector(name);
    const auto quote = parse_quote(vector.quote);
    if (!quote) continue;
    const Bytes again = encode_quote(*quote);
    ASSERT_LE(again.size(), vector.quote.size()) << name;
    EXPECT_TRUE(equal(again, ByteView(vector.quote).first(again.size()))) << name;
    EXPECT_EQ(quote->signed_bytes, quote->td ? encode_signed_bytes(quote->header, *quote->td)
                                             : encode_signed_bytes(quote->header, quote->report))
        << name;
    EXPECT_EQ(encode(quote->qe_report), quote->qe_report_bytes) << name;
    ++quotes;
  }
  EXPECT_GE(quotes, 30u);
}

TEST(Quote, IgnoresThePaddingThatPlatformsReturnBehindIt) {
  Bytes padded = load_dcap_vector(kGenuine).quote;
  const Quote quote = parse_quote(padded).value();
  padded.resize(padded.size() + 5000);
  EXPECT_EQ(parse_quote(padded).value(), quote);
}

TEST(Quote, CutShortAnywhereIsRefused) {
  const Bytes quote = encode_quote(parse_quote(load_dcap_vector(kGenuine).quote).value());
  for (std::size_t size = 0; size < quote.size(); ++size) {
    const auto parsed = parse_quote(ByteView(quote).first(size));
    ASSERT_FALSE(parsed.ok()) << size;
    EXPECT_EQ(parsed.error().code, ErrorCode::Malformed);
  }
}

struct BadField {
  const char* name;
  std::size_t offset;
  Bytes value;
  const char* complaint;
};

class BadQuoteFields : public ::testing::TestWithParam<BadField> {};

TEST_P(BadQuoteFields, AreRefusedByName) {
  Bytes quote = load_dcap_vector(kGenuine).quote;
  std::copy(GetParam().value.begin(), GetParam().value.end(),
            quote.begin() + static_cast<std::ptrdiff_t>(GetParam().offset));
  const auto parsed = parse_quote(quote);
  ASSERT_FALSE(parsed.ok());
  EXPECT_EQ(parsed.error().code, ErrorCode::Malformed);
  EXPECT_NE(parsed.error().message.find(GetParam().complaint), std::string::npos) << parsed.error();
}

INSTANTIATE_TEST_SUITE_P(
    Sgx, BadQuoteFields,
    ::testing::Values(
        BadField{"Version2", 0, {2, 0}, "quote version 2"},
        BadField{"Version6", 0, {6, 0}, "quote version 6"},
        BadField{"Version5ForABodyWithoutDescriptor", 0, {5, 0}, "body type"},
        BadField{"Version4WithoutItsWrapper", 0, {4, 0}, "around the QE report"},
        BadField{"OtherTee", 4, {0x82, 0, 0, 0}, "TEE type 130"},
        BadField{"KeyTypeEpid", 2, {0, 0}, "key type 0"},
        BadField{"KeyTypeP384", 2, {3, 0}, "key type 3"},
        BadField{"TdxInVersion3", 4, {0x81, 0, 0, 0}, "TEE type 129"},
        BadField{"OtherVendor", 12, {0}, "QE vendor id"},
        BadField{
            "SignatureDataLongerThanTheQuote", 432, {0xff, 0xff, 0xff, 0xff}, "signature data"},
        BadField{"NoSignatureData", 432, {0, 0, 0, 0}, "quote signature"},
        BadField{
            "AuthenticationDataLongerThanTheQuote", 1012, {0xff, 0xff}, "QE authentication data"},
        BadField{"CertificationDataLongerThanTheQuote",
                 1048,
                 {0xff, 0xff, 0xff, 0xff},
                 "certification data"},
        BadField{"CertificationDataShorterThanItsFrame", 1048, {0, 0, 0, 0}, "bytes are left"}),
    [](const auto& bad) { return std::string(bad.param.name); });

struct BadTdField {
  const char* name;
  std::size_t offset;
  Bytes value;
  const char* complaint;
};
class BadTdQuoteFields : public ::testing::TestWithParam<BadTdField> {};

TEST_P(BadTdQuoteFields, AreRefusedByName) {
  Bytes quote = load_dcap_vector("tdx5-td15-uptodate").quote;
  std::copy(GetParam().value.begin(), GetParam().value.end(),
            quote.begin() + static_cast<std::ptrdiff_t>(GetParam().offset));
  const auto parsed = parse_quote(quote);
  ASSERT_FALSE(parsed.ok());
  EXPECT_NE(parsed.error().message.find(GetParam().complaint), std::string::npos) << parsed.error();
}

INSTANTIATE_TEST_SUITE_P(
    Tdx, BadTdQuoteFields,
    ::testing::Values(
        BadTdField{"EnclaveBodyForATrustDomain", 48, {1, 0}, "body type 1 does not fit"},
        BadTdField{"UnknownBody", 48, {4, 0}, "body type 4 does not fit"},
        BadTdField{"BodyOf10ButTheSizeOf15", 48, {2, 0}, "body size 648"},
        BadTdField{"SizeOf10ButTheBodyOf15", 50, {0x48, 0x02, 0, 0}, "body size 584"},
        BadTdField{"HugeBody", 50, {0xff, 0xff, 0xff, 0xff}, "body size 4294967295"},
        BadTdField{"TrustDomainBodyForAnEnclave", 4, {0, 0, 0, 0}, "body type 3 does not fit"},
        BadTdField{"CertificationWithoutWrapper", 834, {5, 0}, "around the QE report"},
        BadTdField{"WrapperOfAnotherSize", 836, {0, 0, 0, 0}, "in a frame of"}),
    [](const auto& bad) { return std::string(bad.param.name); });

TEST(TdReport, IsWrittenAsItWasRead) {
  for (const char* name : {"tdx4-uptodate", "tdx5-td15-uptodate"}) {
    const TdReport td = parse_quote(load_dcap_vector(name).quote).value().td.value();
    EXPECT_EQ(parse_td_report(encode(td)).value(), td);
    Bytes longer = encode(td);
    longer.push_back(0);
    EXPECT_FALSE(parse_td_report(longer).ok());
  }
}

TEST(SgxReport, NeedsExactlyItsSize) {
  const Bytes report(kSgxReportBytes + 1);
  EXPECT_TRUE(parse_sgx_report(ByteView(report).first(kSgxReportBytes)).ok());
  EXPECT_FALSE(parse_sgx_report(report).ok());
  EXPECT_FALSE(parse_sgx_report(ByteView(report).first(kSgxReportBytes - 1)).ok());
}

}  // namespace
}  // namespace torchkeep::attest
