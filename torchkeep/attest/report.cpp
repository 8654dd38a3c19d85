#include "torchkeep/attest/report.h"

#include "torchkeep/base/text.h"

namespace torchkeep::attest {

// sgx_report := cpu_svn 16 || misc_select LE32 || reserved 12 || isv_ext_prod_id 16 || attributes
// 16
//               || mr_enclave 32 || reserved 32 || mr_signer 32 || reserved 32 || config_id 64
//               || isv_prod_id LE16 || isv_svn LE16 || config_svn LE16 || reserved 42
//               || isv_family_id 16 || report_data 64
ByteArray<kSgxReportBytes> encode(const SgxReport& report) {
  Bytes out;
  out.reserve(kSgxReportBytes);
  const auto reserve = [&out](std::size_t bytes) { out.resize(out.size() + bytes); };
  append(out, report.cpu_svn);
  append_le32(out, report.misc_select);
  reserve(12);
  append(out, report.isv_ext_prod_id);
  append(out, report.attributes);
  append(out, report.mr_enclave);
  reserve(32);
  append(out, report.mr_signer);
  reserve(32);
  append(out, report.config_id);
  append_le16(out, report.isv_prod_id);
  append_le16(out, report.isv_svn);
  append_le16(out, report.config_svn);
  reserve(42);
  append(out, report.isv_family_id);
  append(out, report.report_data);
  return *to_array<kSgxReportBytes>(out);
}

Result<SgxReport> parse_sgx_report(ByteView bytes) {
  if (bytes.size() != kSgxReportBytes) {
    return malformed("an SGX report has ", kSgxReportBytes, " bytes, this one ", bytes.size());
  }
  ByteReader reader(bytes);
  SgxReport report;
  report.cpu_svn = TRY(reader.take_array<16>("CPUSVN"));
  report.misc_select = TRY(reader.take_le32("MISCSELECT"));
  TRY(reader.take(12, "reserved"));
  report.isv_ext_prod_id = TRY(reader.take_array<16>("ISVEXTPRODID"));
  report.attributes = TRY(reader.take_array<16>("ATTRIBUTES"));
  report.mr_enclave = TRY(reader.take_array<32>("MRENCLAVE"));
  TRY(reader.take(32, "reserved"));
  report.mr_signer = TRY(reader.take_array<32>("MRSIGNER"));
  TRY(reader.take(32, "reserved"));
  report.config_id = TRY(reader.take_array<64>("CONFIGID"));
  report.isv_prod_id = TRY(reader.take_le16("ISVPRODID"));
  report.isv_svn = TRY(reader.take_le16("ISVSVN"));
  report.config_svn = TRY(reader.take_le16("CONFIGSVN"));
  TRY(reader.take(42, "reserved"));
  report.isv_family_id = TRY(reader.take_array<16>("ISVFAMILYID"));
  report.report_data = TRY(reader.take_array<64>("REPORTDATA"));
  return report;
}

// td_report := tee_tcb_svn 16 || mr_seam 48 || mr_signer_seam 48 || seam_attributes 8
//              || td_attributes 8 || xfam 8 || mr_td 48 || mr_config_id 48 || mr_owner 48
//              || mr_owner_config 48 || rtmr 4 x 48 || report_data 64
//              || (tee_tcb_svn2 16 || mr_service_td 48)?
Bytes encode(const TdReport& report) {
  Bytes out;
  append(out, report.tee_tcb_svn);
  append(out, report.mr_seam);
  append(out, report.mr_signer_seam);
  append(out, report.seam_attributes);
  append(out, report.td_attributes);
  append(out, report.xfam);
  append(out, report.mr_td);
  append(out, report.mr_config_id);
  append(out, report.mr_owner);
  append(out, report.mr_owner_config);
  for (const Digest384& rtmr : report.rtmrs) append(out, rtmr);
  append(out, report.report_data);
  if (report.later) {
    append(out, report.later->tee_tcb_svn2);
    append(out, report.later->mr_service_td);
  }
  return out;
}

Result<TdReport> parse_td_report(ByteView bytes) {
  if (bytes.size() != kTdReportBytes && bytes.size() != kTdReport15Bytes) {
    return malformed("a TD report has ", kTdReportBytes, " or ", kTdReport15Bytes,
                     " bytes, this one ", bytes.size());
  }
  ByteReader reader(bytes);
  TdReport report;
  report.tee_tcb_svn = TRY(reader.take_array<16>("TEE_TCB_SVN"));
  report.mr_seam = TRY(reader.take_array<48>("MRSEAM"));
  report.mr_signer_seam = TRY(reader.take_array<48>("MRSIGNERSEAM"));
  report.seam_attributes = TRY(reader.take_array<8>("SEAMATTRIBUTES"));
  report.td_attributes = TRY(reader.take_array<8>("TDATTRIBUTES"));
  report.xfam = TRY(reader.take_array<8>("XFAM"));
  report.mr_td = TRY(reader.take_array<48>("MRTD"));
  report.mr_config_id = TRY(reader.take_array<48>("MRCONFIGID"));
  report.mr_owner = TRY(reader.take_array<48>("MROWNER"));
  report.mr_owner_config = TRY(reader.take_array<48>("MROWNERCONFIG"));
  for (Digest384& rtmr : report.rtmrs) rtmr = TRY(reader.take_array<48>("RTMR"));
  report.report_data = TRY(reader.take_array<64>("REPORTDATA"));
  if (reader.empty()) return report;
  report.later = TdReport::Later{};
  report.later->tee_tcb_svn2 = TRY(reader.take_array<16>("TEE_TCB_SVN2"));
  report.later->mr_service_td = TRY(reader.take_array<48>("MRSERVICETD"));
  return report;
}

}  // namespace torchkeep::attest
