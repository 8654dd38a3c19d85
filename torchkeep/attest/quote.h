#pragma once

#include "torchkeep/attest/report.h"

/// A DCAP quote as bytes and as fields. A `Quote` is only parsed: nothing in it is trusted before
/// `verify_quote` (verify.h) has judged it.
/// Source: Intel SGX ECDSA Quote Library API reference, appendix A.
namespace torchkeep::attest {

inline constexpr std::size_t kQuoteHeaderBytes = 48;
inline constexpr std::uint16_t kKeyTypeEcdsaP256 = 2;
inline constexpr std::uint32_t kTeeTypeSgx = 0;
inline constexpr std::uint32_t kTeeTypeTdx = 0x81;
inline constexpr std::uint16_t kPckChainPem = 5;  ///< Certification data: leaf, CA, root in PEM.
/// Whoever makes quotes with Intel's quoting enclaves puts this name into their header.
inline constexpr ByteArray<16> kIntelQeVendorId = {0x93, 0x9a, 0x72, 0x33, 0xf7, 0x9c, 0x4c, 0xa9,
                                                   0x94, 0x0a, 0x0d, 0xb3, 0x95, 0x7f, 0x06, 0x07};

struct QuoteHeader {
  std::uint16_t version = 3;
  std::uint16_t key_type = kKeyTypeEcdsaP256;
  std::uint32_t tee_type = kTeeTypeSgx;
  std::uint16_t qe_svn = 0;   ///< Version 3 only.
  std::uint16_t pce_svn = 0;  ///< Version 3 only.
  ByteArray<16> qe_vendor_id = kIntelQeVendorId;
  ByteArray<20> user_data{};

  bool operator==(const QuoteHeader&) const = default;
};
ByteArray<kQuoteHeaderBytes> encode(const QuoteHeader& header);
/// Takes exactly `kQuoteHeaderBytes`. Errors: Malformed.
Result<QuoteHeader> parse_quote_header(ByteView bytes);

/// What a quote is of; version 5 says so by these numbers.
enum class QuoteBody : std::uint16_t { SgxReport = 1, TdReport = 2, TdReport15 = 3 };

struct Quote {
  QuoteHeader header;
  SgxReport report;                 ///< Zero for a quote of a trust domain.
  std::optional<TdReport> td = {};  ///< Only for a quote of a trust domain.
  /// What the attestation key signs: all before the signature data, exactly as received.
  Bytes signed_bytes;
  ByteArray<64> signature{};        ///< r || s, by the attestation key.
  ByteArray<64> attestation_key{};  ///< x || y.
  /// The quoting enclave's own report exactly as received, which the PCK key signs.
  ByteArray<kSgxReportBytes> qe_report_bytes{};
  SgxReport qe_report;
  ByteArray<64> qe_report_signature{};  ///< r || s, by the PCK key.
  Bytes qe_auth_data;
  std::uint16_t certification_type = kPckChainPem;
  Bytes certification_data;  ///< For type 5: concatenated PEM, leaf first, often with a NUL behind.

  bool operator==(const Quote&) const = default;
};

/// Reads a quote of version 3 (enclaves), 4 or 5 (enclaves and trust domains). Bytes behind its
/// declared length are no part of it, since platforms return padded buffers. Errors: Malformed.
Result<Quote> parse_quote(ByteView bytes);

/// The bytes that the attestation key is to sign: a maker of quotes puts them into `signed_bytes`.
Bytes encode_signed_bytes(const QuoteHeader& header, const SgxReport& report);
Bytes encode_signed_bytes(const QuoteHeader& header, const TdReport& report);
/// The quote as bytes, from `signed_bytes` (its first two bytes say the version) and the fields
/// behind it: `header`, `report`, `td` and `qe_report` are not looked at. `parse_quote` of the
/// result gives the same quote.
Bytes encode_quote(const Quote& quote);

}  // namespace torchkeep::attest
