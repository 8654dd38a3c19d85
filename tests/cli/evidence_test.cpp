#include "torchkeep/cli/evidence.h"

#include <gtest/gtest.h>

#include "torchkeep/base/encoding.h"
#include "torchkeep/cli/evidence_text.h"
#include "torchkeep/cli/explain.h"
#include "torchkeep/cli/time_option.h"

#include "tests/support/files.h"

namespace torchkeep::cli {
namespace {

Bytes quote_of(const std::string& vector) {
  return testing::load_vector("attest/vectors/dcap/" + vector + "/quote.bin");
}

TEST(EvidenceAsText, StandsForTheSameBytes) {
  const Bytes quote = quote_of("sgx3-cfgswhardening");
  const std::string hex = encode_hex(quote);
  std::string lines;
  for (std::size_t at = 0; at < hex.size(); at += 64) lines += hex.substr(at, 64) + "\r\n";
  for (const std::string& given : {hex, lines, encode_base64(quote), encode_base64(quote) + "\n"}) {
    EXPECT_EQ(decode_evidence(to_bytes(as_bytes(given))), quote);
  }
}

TEST(EvidenceAsText, IsLeftAloneWhereItIsNone) {
  for (const std::string& given : {std::string("not hex, not base64"), std::string("abc"),
                                   std::string(), std::string("\n\n"), std::string("03\0ff", 5)}) {
    EXPECT_EQ(decode_evidence(to_bytes(as_bytes(given))), to_bytes(as_bytes(given))) << given;
  }
  for (const char* vector : {"sgx3-cfgswhardening", "tdx5-td15-uptodate", "snp-milan-vcek"}) {
    EXPECT_EQ(decode_evidence(quote_of(vector)), quote_of(vector)) << vector;
  }
}

TEST(EvidenceAlone, SaysWhatItIsOf) {
  const SelfDescription sgx = describe(quote_of("sgx3-cfgswhardening"), {});
  EXPECT_EQ(sgx.tee, attest::TeeType::Sgx);
  EXPECT_EQ(sgx.version, 3u);
  ASSERT_TRUE(sgx.machine.has_value());
  EXPECT_EQ(encode_hex(sgx.machine->fmspc), "00a067110000");
  EXPECT_EQ(sgx.pck_ca, "Intel SGX PCK Processor CA");
  EXPECT_EQ(describe_report_data(sgx.report_data()).substr(128), " (\"Hello, world!\")");

  const SelfDescription tdx = describe(quote_of("tdx5-td15-uptodate"), {});
  EXPECT_EQ(tdx.tee, attest::TeeType::Tdx);
  EXPECT_EQ(tdx.version, 5u);
  EXPECT_TRUE(encode_measurement(tdx).contains("mr_servicetd"));
  EXPECT_EQ(describe_report_data(tdx.report_data()).size(), 128u);

  const SelfDescription snp = describe(quote_of("snp-milan-vcek"), {});
  EXPECT_EQ(snp.tee, attest::TeeType::Snp);
  EXPECT_EQ(encode_measurement(snp).at("reported_tcb"), "0x4405000000000002");
}

// A quote that is cut short still says which program it was about: that helps to find the mistake.
TEST(EvidenceAlone, CutAnywhereIsMalformedAndNeverGuessed) {
  for (const char* vector : {"sgx3-cfgswhardening", "tdx4-tdx10-uptodate", "snp-milan-vcek"}) {
    const Bytes whole = quote_of(vector);
    const SelfDescription complete = describe(whole, {});
    for (std::size_t size = 0; size < whole.size(); size += size < 1300 ? 1 : 97) {
      const SelfDescription cut = describe(ByteView(whole).first(size), {});
      EXPECT_FALSE(cut.quote.has_value()) << vector << " cut to " << size;
      EXPECT_FALSE(cut.malformed.empty());
      if (!cut.report_data().empty()) {
        EXPECT_EQ(encode_measurement(cut), encode_measurement(complete));
      }
      EXPECT_TRUE(encode_explanation(cut, ByteView(whole).first(size)).contains("malformed"));
    }
  }
}

TEST(EvidenceAlone, NamesTheDocumentsItTakes) {
  const auto sgx = collateral_addresses(describe(quote_of("sgx3-cfgswhardening"), {}));
  ASSERT_EQ(sgx.size(), 4u);
  EXPECT_NE(sgx[0].find("/sgx/certification/v4/tcb?fmspc=00a067110000"), std::string::npos);
  EXPECT_NE(sgx[2].find("ca=processor"), std::string::npos);
  const auto tdx = collateral_addresses(describe(quote_of("tdx4-uptodate"), {}));
  EXPECT_NE(tdx[0].find("/tdx/certification/v4/tcb?fmspc=b0c06f000000"), std::string::npos);
  EXPECT_NE(tdx[2].find("ca=platform"), std::string::npos);
  EXPECT_NE(collateral_addresses(describe(quote_of("snp-milan-vcek"), {}))[0].find(
                "blSPL=2&teeSPL=0&snpSPL=5&ucodeSPL=68"),
            std::string::npos);
  EXPECT_TRUE(collateral_addresses(describe({}, {})).empty());
}

TEST(TimeOption, IsReadInUtcAndWithAnOffset) {
  const TimePoint noon = parse_rfc3339("2025-07-04T12:00:00Z").value();
  for (const char* given : {"2025-07-04T12:00:00Z", "2025-07-04T14:00:00+02:00",
                            "2025-07-04T06:30:00-05:30", "2025-07-04T12:00:00+00:00"}) {
    EXPECT_EQ(parse_time_option(given).value(), noon) << given;
  }
}

TEST(TimeOption, OfAnyOtherFormSaysHowToWriteIt) {
  for (const char* given :
       {"", "now", "yesterday", "2025-07-04", "2025-07-04 12:00:00Z", "2025-07-04T12:00:00",
        "2025-13-04T12:00:00Z", "2025-07-04T12:00:00+2:00", "2025-07-04T12:00:00+99:00",
        "2025-07-04T12:00:00Z+02:00", "1751630400", "+02:00"}) {
    const auto time = parse_time_option(given);
    ASSERT_FALSE(time.ok()) << given;
    EXPECT_EQ(time.error().code, ErrorCode::InvalidArgument);
    EXPECT_NE(time.error().message.find("RFC 3339"), std::string::npos);
  }
}

}  // namespace
}  // namespace torchkeep::cli
