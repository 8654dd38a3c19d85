#include "torchkeep/attest/snp_report.h"

#include <algorithm>

#include "torchkeep/base/text.h"

namespace torchkeep::attest {
namespace {

constexpr std::uint32_t kEcdsaP384Sha384 = 1;
constexpr std::size_t kNumberBytes = 48;  // of r and of s, in fields of 72

Result<void> take_key_info(ByteReader& reader, SnpReport& report) {
  const std::uint32_t info = TRY(reader.take_le32("key information"));
  report.author_key_enabled = (info & 1) != 0;
  report.chip_key_masked = (info >> 1 & 1) != 0;
  const auto signer = static_cast<std::uint8_t>(info >> 2 & 7);
  report.signer = static_cast<SnpSigner>(signer);
  if (report.signer == SnpSigner::Vcek || report.signer == SnpSigner::Vlek ||
      report.signer == SnpSigner::None) {
    return {};
  }
  return malformed("signing key ", unsigned{signer}, " is not known; 0 (VCEK), 1 (VLEK) and 7 are");
}

Result<void> take_zeros(ByteReader& reader, std::size_t size, std::string_view field) {
  const ByteView bytes = TRY(reader.take(size, field));
  if (std::all_of(bytes.begin(), bytes.end(), [](std::uint8_t byte) { return byte == 0; })) {
    return {};
  }
  return malformed(field, " is not zero: no signature covers it, so it may say nothing");
}

// A number is little-endian in 72 bytes, of which 48 are used.
Result<void> take_number(ByteReader& reader, std::string_view field, MutableByteView out) {
  const ByteView number = TRY(reader.take(kNumberBytes, field));
  std::reverse_copy(number.begin(), number.end(), out.begin());
  return take_zeros(reader, 72 - kNumberBytes, field);
}

// cpuid := family 1 || model 1 || stepping 1 (version 3 on; else reserved) || reserved 21
Result<void> take_processor(ByteReader& reader, SnpReport& report) {
  const ByteView bytes = TRY(reader.take(24, "processor"));
  if (report.version >= 3) report.processor = SnpReport::Processor{bytes[0], bytes[1], bytes[2]};
  return {};
}

// mitigations := at_launch LE64 || now LE64 (version 5 on; else reserved)
Result<void> take_mitigations(ByteReader& reader, SnpReport& report) {
  const std::uint64_t at_launch = TRY(reader.take_le64("launch mitigations"));
  const std::uint64_t now = TRY(reader.take_le64("current mitigations"));
  if (report.version >= 5) report.mitigations = SnpReport::Mitigations{at_launch, now};
  return {};
}

}  // namespace

std::string_view name_of(SnpSigner signer) {
  switch (signer) {
    case SnpSigner::Vcek: return "VCEK";
    case SnpSigner::Vlek: return "VLEK";
    case SnpSigner::None: return "none";
  }
  TORCHKEEP_CHECK(false);
  return {};
}

// snp_report := version LE32 || guest_svn LE32 || policy LE64 || family_id 16 || image_id 16
//               || vmpl LE32 || signature_algorithm LE32 || current_tcb 8 || platform_info LE64
//               || key_info LE32 || reserved 4 || report_data 64 || measurement 48 || host_data 32
//               || id_key_digest 48 || author_key_digest 48 || report_id 32 || report_id_ma 32
//               || reported_tcb 8 || cpuid 24 || chip_id 64 || committed_tcb 8
//               || current_build 4 || committed_build 4 || launch_tcb 8 || mitigations 16
//               || reserved 152 || r 72 || s 72 || zero 368
Result<SnpReport> parse_snp_report(ByteView bytes) {
  if (bytes.size() != kSnpReportBytes) {
    return malformed("an SEV-SNP report has ", kSnpReportBytes, " bytes, this one ", bytes.size());
  }
  ByteReader reader(bytes);
  SnpReport report;
  report.version = TRY(reader.take_le32("version"));
  if (report.version != 2 && report.version != 3 && report.version != 5) {
    return malformed("SEV-SNP report version ", report.version, " is not supported; 2, 3, 5 are");
  }
  report.guest_svn = TRY(reader.take_le32("guest SVN"));
  report.policy = TRY(reader.take_le64("policy"));
  report.family_id = TRY(reader.take_array<16>("family id"));
  report.image_id = TRY(reader.take_array<16>("image id"));
  report.vmpl = TRY(reader.take_le32("VMPL"));
  const std::uint32_t algorithm = TRY(reader.take_le32("signature algorithm"));
  if (algorithm != kEcdsaP384Sha384) {
    return malformed("signature algorithm ", algorithm, " is not supported; 1 (ECDSA P-384) is");
  }
  report.current_tcb = TRY(reader.take_array<8>("current TCB"));
  report.platform_info = TRY(reader.take_le64("platform information"));
  TRY(take_key_info(reader, report));
  TRY(reader.take(4, "reserved"));
  report.report_data = TRY(reader.take_array<64>("report data"));
  report.measurement = TRY(reader.take_array<48>("measurement"));
  report.host_data = TRY(reader.take_array<32>("host data"));
  report.id_key_digest = TRY(reader.take_array<48>("id key digest"));
  report.author_key_digest = TRY(reader.take_array<48>("author key digest"));
  report.report_id = TRY(reader.take_array<32>("report id"));
  report.report_id_ma = TRY(reader.take_array<32>("migration agent's report id"));
  report.reported_tcb = TRY(reader.take_array<8>("reported TCB"));
  TRY(take_processor(reader, report));
  report.chip_id = TRY(reader.take_array<64>("chip id"));
  report.committed_tcb = TRY(reader.take_array<8>("committed TCB"));
  TRY(reader.take(8, "build numbers"));
  report.launch_tcb = TRY(reader.take_array<8>("launch TCB"));
  TRY(take_mitigations(reader, report));
  TRY(reader.take(kSnpSignedBytes - (bytes.size() - reader.rest().size()), "reserved"));
  TRY(take_number(reader, "signature", MutableByteView(report.signature).first(kNumberBytes)));
  TRY(take_number(reader, "signature", MutableByteView(report.signature).last(kNumberBytes)));
  TRY(take_zeros(reader, reader.rest().size(), "what follows the signature"));
  return report;
}

}  // namespace torchkeep::attest
