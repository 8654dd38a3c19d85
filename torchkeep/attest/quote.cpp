#include "torchkeep/attest/quote.h"

#include "torchkeep/base/encoding.h"
#include "torchkeep/base/text.h"

namespace torchkeep::attest {
namespace {

Result<void> check_header(const QuoteHeader& header) {
  if (header.version != 3) {
    return malformed("quote version ", header.version, " is not supported; version 3 is");
  }
  if (header.key_type != kKeyTypeEcdsaP256) {
    return malformed("attestation key type ", header.key_type,
                     " is not supported; 2 (ECDSA P-256) is");
  }
  if (header.tee_type != kTeeTypeSgx) {
    return malformed("TEE type ", header.tee_type, " does not fit a version 3 quote; 0 (SGX) does");
  }
  if (header.qe_vendor_id != kIntelQeVendorId) {
    return malformed("QE vendor id ", encode_hex(header.qe_vendor_id), " is not Intel's, ",
                     encode_hex(kIntelQeVendorId));
  }
  return {};
}

}  // namespace

// header := version LE16 || key_type LE16 || tee_type LE32 || qe_svn LE16 || pce_svn LE16
//           || qe_vendor_id 16 || user_data 20
ByteArray<kQuoteHeaderBytes> encode(const QuoteHeader& header) {
  Bytes out;
  append_le16(out, header.version);
  append_le16(out, header.key_type);
  append_le32(out, header.tee_type);
  append_le16(out, header.qe_svn);
  append_le16(out, header.pce_svn);
  append(out, header.qe_vendor_id);
  append(out, header.user_data);
  return *to_array<kQuoteHeaderBytes>(out);
}

Result<QuoteHeader> parse_quote_header(ByteView bytes) {
  if (bytes.size() != kQuoteHeaderBytes) {
    return malformed("a quote's header has ", kQuoteHeaderBytes, " bytes, this one ", bytes.size());
  }
  ByteReader reader(bytes);
  QuoteHeader header;
  header.version = TRY(reader.take_le16("version"));
  header.key_type = TRY(reader.take_le16("attestation key type"));
  header.tee_type = TRY(reader.take_le32("TEE type"));
  header.qe_svn = TRY(reader.take_le16("QE SVN"));
  header.pce_svn = TRY(reader.take_le16("PCE SVN"));
  header.qe_vendor_id = TRY(reader.take_array<16>("QE vendor id"));
  header.user_data = TRY(reader.take_array<20>("user data"));
  return header;
}

// quote := header 48 || sgx_report 384 || size LE32 || signature_data
// signature_data := signature 64 || attestation_key 64 || qe_report 384 || qe_report_signature 64
//                   || n LE16 || qe_auth_data n || certification_type LE16 || m LE32
//                   || certification_data m
Result<Quote> parse_quote(ByteView bytes) {
  ByteReader reader(bytes);
  Quote quote;
  const ByteView header = TRY(reader.take(kQuoteHeaderBytes, "quote header"));
  quote.header = TRY(parse_quote_header(header));
  TRY(check_header(quote.header));
  const ByteView report = TRY(reader.take(kSgxReportBytes, "enclave report"));
  quote.report = TRY(parse_sgx_report(report));
  quote.signed_bytes = to_bytes(bytes.first(kQuoteHeaderBytes + kSgxReportBytes));
  const std::uint32_t size = TRY(reader.take_le32("size of the signature data"));

  const ByteView signature_data = TRY(reader.take(size, "signature data"));
  ByteReader data(signature_data);
  quote.signature = TRY(data.take_array<64>("quote signature"));
  quote.attestation_key = TRY(data.take_array<64>("attestation key"));
  quote.qe_report_bytes = TRY(data.take_array<kSgxReportBytes>("QE report"));
  quote.qe_report = TRY(parse_sgx_report(quote.qe_report_bytes));
  quote.qe_report_signature = TRY(data.take_array<64>("QE report signature"));
  const std::uint16_t auth_size = TRY(data.take_le16("size of the QE authentication data"));
  const ByteView auth_data = TRY(data.take(auth_size, "QE authentication data"));
  quote.qe_auth_data = to_bytes(auth_data);
  quote.certification_type = TRY(data.take_le16("certification data type"));
  const std::uint32_t certification_size = TRY(data.take_le32("size of the certification data"));
  const ByteView certification = TRY(data.take(certification_size, "certification data"));
  quote.certification_data = to_bytes(certification);
  if (!data.empty()) {
    return malformed(data.rest().size(), " bytes are left behind the certification data");
  }
  return quote;
}

Bytes encode_signed_bytes(const QuoteHeader& header, const SgxReport& report) {
  Bytes out;
  append(out, encode(header));
  append(out, encode(report));
  return out;
}

Bytes encode_quote(const Quote& quote) {
  Bytes data;
  append(data, quote.signature);
  append(data, quote.attestation_key);
  append(data, quote.qe_report_bytes);
  append(data, quote.qe_report_signature);
  append_le16(data, static_cast<std::uint16_t>(quote.qe_auth_data.size()));
  append(data, quote.qe_auth_data);
  append_le16(data, quote.certification_type);
  append_le32(data, static_cast<std::uint32_t>(quote.certification_data.size()));
  append(data, quote.certification_data);

  Bytes out = quote.signed_bytes;
  append_le32(out, static_cast<std::uint32_t>(data.size()));
  append(out, data);
  return out;
}

}  // namespace torchkeep::attest
