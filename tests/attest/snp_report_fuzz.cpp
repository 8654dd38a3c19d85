#include "torchkeep/attest/snp_report.h"
#include "torchkeep/attest/verify.h"
#include "torchkeep/base/check.h"

// SEV-SNP reports: no input crashes, and what is read is what stands there.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace torchkeep;
  const ByteView bytes(data, size);
  if (const auto report = attest::parse_snp_report(bytes)) {
    TORCHKEEP_CHECK(size == attest::kSnpReportBytes);
    TORCHKEEP_CHECK(equal(report->report_data, bytes.subspan(0x50, 64)));
    TORCHKEEP_CHECK(equal(report->measurement, bytes.subspan(0x90, 48)));
    TORCHKEEP_CHECK(equal(report->chip_id, bytes.subspan(0x1a0, 64)));
    TORCHKEEP_CHECK(report->processor.has_value() == (report->version >= 3));
    TORCHKEEP_CHECK(report->mitigations.has_value() == (report->version >= 5));
    TORCHKEEP_CHECK(attest::find_tee(bytes).value() == attest::TeeType::Snp);
  }
  (void)attest::find_tee(bytes);
  return 0;
}
