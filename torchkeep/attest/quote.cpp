#include "torchkeep/attest/quote.h"

#include "torchkeep/base/encoding.h"
#include "torchkeep/base/text.h"

namespace torchkeep::attest {
namespace {

constexpr std::uint16_t kQeReportCertification = 6;  // the wrapper of versions 4 and 5

Result<void> check_header(const QuoteHeader& header) {
  if (header.version < 3 || header.version > 5) {
    return malformed("quote version ", header.version, " is not supported; 3, 4 and 5 are");
  }
  if (header.key_type != kKeyTypeEcdsaP256) {
    return malformed("attestation key type ", header.key_type,
                     " is not supported; 2 (ECDSA P-256) is");
  }
  if (header.tee_type != kTeeTypeSgx && header.tee_type != kTeeTypeTdx) {
    return malformed("TEE type ", header.tee_type, " is not supported; 0 (SGX) and 129 (TDX) are");
  }
  if (header.version == 3 && header.tee_type != kTeeTypeSgx) {
    return malformed("TEE type ", header.tee_type, " does not fit a version 3 quote; 0 (SGX) does");
  }
  if (header.qe_vendor_id != kIntelQeVendorId) {
    return malformed("QE vendor id ", encode_hex(header.qe_vendor_id), " is not Intel's, ",
                     encode_hex(kIntelQeVendorId));
  }
  return {};
}

std::size_t size_of(QuoteBody body) {
  switch (body) {
    case QuoteBody::SgxReport: return kSgxReportBytes;
    case QuoteBody::TdReport: return kTdReportBytes;
    case QuoteBody::TdReport15: return kTdReport15Bytes;
  }
  TORCHKEEP_CHECK(false);
  return 0;
}

// Before version 5 the TEE type says which body follows; then a descriptor does, and must agree.
Result<QuoteBody> take_body_kind(ByteReader& reader, const QuoteHeader& header) {
  const bool is_td = header.tee_type == kTeeTypeTdx;
  if (header.version < 5) return is_td ? QuoteBody::TdReport : QuoteBody::SgxReport;
  const std::uint16_t type = TRY(reader.take_le16("body type"));
  const std::uint32_t size = TRY(reader.take_le32("body size"));
  const auto body = static_cast<QuoteBody>(type);
  const bool fits = is_td ? body == QuoteBody::TdReport || body == QuoteBody::TdReport15
                          : body == QuoteBody::SgxReport;
  if (!fits) return malformed("body type ", type, " does not fit TEE type ", header.tee_type);
  if (size != size_of(body)) {
    return malformed("body size ", size, " does not fit body type ", type, ", which has ",
                     size_of(body), " bytes");
  }
  return body;
}

Bytes encode_signed(const QuoteHeader& header, QuoteBody body, ByteView report) {
  Bytes out;
  append(out, encode(header));
  if (header.version >= 5) {
    append_le16(out, static_cast<std::uint16_t>(body));
    append_le32(out, static_cast<std::uint32_t>(report.size()));
  }
  append(out, report);
  return out;
}

// qe_certification := qe_report 384 || qe_report_signature 64 || n LE16 || qe_auth_data n
//                     || certification_type LE16 || m LE32 || certification_data m
Result<void> take_qe_certification(ByteReader& data, Quote& quote) {
  quote.qe_report_bytes = TRY(data.take_array<kSgxReportBytes>("QE report"));
  quote.qe_report = TRY(parse_sgx_report(quote.qe_report_bytes));
  quote.qe_report_signature = TRY(data.take_array<64>("QE report signature"));
  const std::uint16_t auth_size = TRY(data.take_le16("size of the QE authentication data"));
  const ByteView auth_data = TRY(data.take(auth_size, "QE authentication data"));
  quote.qe_auth_data = to_bytes(auth_data);
  quote.certification_type = TRY(data.take_le16("certification data type"));
  const std::uint32_t size = TRY(data.take_le32("size of the certification data"));
  const ByteView certification = TRY(data.take(size, "certification data"));
  quote.certification_data = to_bytes(certification);
  if (!data.empty()) {
    return malformed(data.rest().size(), " bytes are left behind the certification data");
  }
  return {};
}

Bytes encode_qe_certification(const Quote& quote) {
  Bytes out;
  append(out, quote.qe_report_bytes);
  append(out, quote.qe_report_signature);
  append_le16(out, static_cast<std::uint16_t>(quote.qe_auth_data.size()));
  append(out, quote.qe_auth_data);
  append_le16(out, quote.certification_type);
  append_le32(out, static_cast<std::uint32_t>(quote.certification_data.size()));
  append(out, quote.certification_data);
  return out;
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

// quote := header 48 || (body_type LE16 || body_size LE32)? || body || size LE32 || signature_data
// signature_data := signature 64 || attestation_key 64
//                   || (version 3) qe_certification
//                   || (later) 6 LE16 || size LE32 || qe_certification
Result<Quote> parse_quote(ByteView bytes) {
  ByteReader reader(bytes);
  Quote quote;
  const ByteView header = TRY(reader.take(kQuoteHeaderBytes, "quote header"));
  quote.header = TRY(parse_quote_header(header));
  TRY(check_header(quote.header));
  const QuoteBody kind = TRY(take_body_kind(reader, quote.header));
  const ByteView body = TRY(reader.take(size_of(kind), "report"));
  if (kind == QuoteBody::SgxReport) {
    quote.report = TRY(parse_sgx_report(body));
  } else {
    quote.td = TRY(parse_td_report(body));
  }
  quote.signed_bytes = to_bytes(bytes.first(bytes.size() - reader.rest().size()));
  const std::uint32_t size = TRY(reader.take_le32("size of the signature data"));

  const ByteView signature_data = TRY(reader.take(size, "signature data"));
  ByteReader data(signature_data);
  quote.signature = TRY(data.take_array<64>("quote signature"));
  quote.attestation_key = TRY(data.take_array<64>("attestation key"));
  if (quote.header.version >= 4) {
    const std::uint16_t type = TRY(data.take_le16("certification data type"));
    if (type != kQeReportCertification) {
      return malformed("certification data type ", type, " around the QE report; wanted ",
                       kQeReportCertification);
    }
    const std::uint32_t wrapped = TRY(data.take_le32("size of the QE report certification data"));
    if (wrapped != data.rest().size()) {
      return malformed("QE report certification data of ", wrapped, " bytes in a frame of ",
                       data.rest().size());
    }
  }
  TRY(take_qe_certification(data, quote));
  return quote;
}

Bytes encode_signed_bytes(const QuoteHeader& header, const SgxReport& report) {
  return encode_signed(header, QuoteBody::SgxReport, encode(report));
}

Bytes encode_signed_bytes(const QuoteHeader& header, const TdReport& report) {
  const QuoteBody body = report.later ? QuoteBody::TdReport15 : QuoteBody::TdReport;
  return encode_signed(header, body, encode(report));
}

Bytes encode_quote(const Quote& quote) {
  Bytes data;
  append(data, quote.signature);
  append(data, quote.attestation_key);
  const Bytes certification = encode_qe_certification(quote);
  if (load_le16(ByteView(quote.signed_bytes).first(2)) >= 4) {
    append_le16(data, kQeReportCertification);
    append_le32(data, static_cast<std::uint32_t>(certification.size()));
  }
  append(data, certification);

  Bytes out = quote.signed_bytes;
  append_le32(out, static_cast<std::uint32_t>(data.size()));
  append(out, data);
  return out;
}

}  // namespace torchkeep::attest
