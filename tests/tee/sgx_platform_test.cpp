#include "torchkeep/tee/sgx/sgx_platform.h"

#include <gtest/gtest.h>

#include "tests/support/files.h"

namespace torchkeep::tee {
namespace {

/// /dev/attestation as ordinary files.
struct Device {
  testing::TemporaryFolder folder;

  Device() {
    std::filesystem::create_directory(folder / "keys");
    write("user_report_data", Bytes(64, 0));
    write("quote", Bytes(5000, 7));
    write("keys/_sgx_mrenclave", Bytes(16, 9));
  }
  void write(std::string_view name, ByteView bytes) const {
    store_file(folder / name, bytes).value();
  }
};

TEST(SgxPlatform, WritesTheReportDataAndReadsTheQuote) {
  const Device device;
  const auto platform = open_sgx_platform(device.folder.path()).value();
  EXPECT_EQ(platform->kind(), PlatformKind::Sgx);
  const ReportData report_data = ReportData::for_certificate(Bytes{1});
  EXPECT_EQ(platform->make_evidence(report_data).value(), Bytes(5000, 7));
  EXPECT_EQ(load_file(device.folder / "user_report_data", 100).value(),
            to_bytes(report_data.bytes()));
}

TEST(SgxPlatform, DerivesOneSealingKeyAPurposeFromTheCpusKey) {
  const Device device;
  const auto platform = open_sgx_platform(device.folder.path()).value();
  const SecretBytes first = platform->sealing_key("kek").value();
  EXPECT_EQ(first.size(), 32U);
  EXPECT_TRUE(equal(first.expose(), platform->sealing_key("kek").value().expose()));
  EXPECT_FALSE(equal(first.expose(), platform->sealing_key("leases").value().expose()));
  device.write("keys/_sgx_mrenclave", Bytes(16, 10));
  EXPECT_FALSE(equal(first.expose(), platform->sealing_key("kek").value().expose()));
}

TEST(SgxPlatform, RefusesAPurposeThatIsNone) {
  const Device device;
  const auto platform = open_sgx_platform(device.folder.path()).value();
  EXPECT_EQ(platform->sealing_key("").error().code, ErrorCode::InvalidArgument);
  EXPECT_EQ(platform->sealing_key(std::string(65, 'k')).error().code, ErrorCode::InvalidArgument);
}

TEST(SgxPlatform, RefusesToOpenWhereAFileIsMissing) {
  for (const char* const name : {"user_report_data", "quote", "keys/_sgx_mrenclave"}) {
    const Device device;
    std::filesystem::remove(device.folder / name);
    EXPECT_EQ(open_sgx_platform(device.folder.path()).error().code, ErrorCode::Unavailable) << name;
  }
  EXPECT_EQ(open_sgx_platform("/dev/attestation").error().code, ErrorCode::Unavailable);
}

TEST(SgxPlatform, RefusesKeysAndQuotesOfWrongSizes) {
  const Device device;
  const auto platform = open_sgx_platform(device.folder.path()).value();
  const ReportData report_data = ReportData::for_certificate(Bytes{1});
  for (const std::size_t size : {0, 15, 17, 32}) {
    device.write("keys/_sgx_mrenclave", Bytes(size, 9));
    EXPECT_FALSE(platform->sealing_key("kek")) << size;
  }
  for (const std::size_t size : {0, 64 * 1024 + 1}) {
    device.write("quote", Bytes(size, 7));
    EXPECT_FALSE(platform->make_evidence(report_data)) << size;
  }
}

#ifdef TORCHKEEP_SIMULATION
TEST(OpenPlatform, OfASimulationBuildWantsASimulatorThatAnswers) {
  EXPECT_TRUE(built_for_simulation());
  EXPECT_EQ(open_platform("").error().code, ErrorCode::InvalidArgument);
  EXPECT_EQ(open_platform(std::string(200, 'x')).error().code, ErrorCode::InvalidArgument);
  EXPECT_EQ(open_platform("/nonexistent/simtee.sock").error().code, ErrorCode::Unavailable);
}
#else
TEST(OpenPlatform, OfARealBuildTakesNoSimulatorAndNeedsAnEnclave) {
  EXPECT_FALSE(built_for_simulation());
  EXPECT_EQ(open_platform("/tmp/simtee.sock").error().code, ErrorCode::Denied);
  EXPECT_EQ(open_platform("").error().code, ErrorCode::Unavailable);
}
#endif

}  // namespace
}  // namespace torchkeep::tee
