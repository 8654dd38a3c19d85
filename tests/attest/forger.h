#pragma once

#include <functional>

#include "torchkeep/attest/collateral.h"
#include "torchkeep/attest/internal/der.h"
#include "torchkeep/attest/pck_extension.h"
#include "torchkeep/attest/quote.h"
#include "torchkeep/base/clock.h"
#include "torchkeep/base/encoding.h"
#include "torchkeep/crypto/digest.h"
#include "torchkeep/crypto/x509.h"
#include "torchkeep/json/json.h"

/// A machine, its CA and its services in the hands of a forger who can sign anything afresh: every
/// field may be changed before `make`, so that a check is reached past the signatures before it.
namespace torchkeep::attest::testing {

inline const TimePoint kNow = parse_rfc3339("2026-11-23T10:00:00Z").value();
inline constexpr std::chrono::days kDay{1};

struct Evidence {
  Bytes quote;
  Collateral collateral;
  RootKey root{};
};

struct Party {
  crypto::EcdsaPrivateKey key = crypto::EcdsaPrivateKey::generate();
  crypto::CertificateRequest request;

  explicit Party(std::string name, std::uint8_t serial, bool is_ca = false) {
    request = {.common_name = std::move(name),
               .public_key_info = {},
               .serial = {serial},
               .not_before = kNow - 10 * kDay,
               .not_after = kNow + 1000 * kDay,
               .is_ca = is_ca};
  }
  crypto::Certificate issue(const crypto::Certificate* issuer, const Party& by) {
    request.public_key_info = key.public_key_info();
    return crypto::issue_certificate(request, issuer, by.key);
  }
};

inline json::Json tcb_level(std::uint8_t first, std::uint16_t pce_svn, const char* status,
                            std::vector<std::string> advisories = {}) {
  json::Json components = json::Json::array();
  for (std::size_t i = 0; i < 16; ++i)
    components.push_back({{"svn", i == 0 ? first : std::uint8_t{1}}});
  components[0]["category"] = "BIOS";
  components[0]["type"] = "Early Microcode Update";
  return {{"tcb", {{"sgxtcbcomponents", components}, {"pcesvn", pce_svn}}},
          {"tcbDate", "2025-05-14T00:00:00Z"},
          {"tcbStatus", status},
          {"advisoryIDs", advisories}};
}

inline json::Json qe_level(std::uint16_t svn, const char* status,
                           std::vector<std::string> advisories = {}) {
  return {{"tcb", {{"isvsvn", svn}}},
          {"tcbDate", "2024-05-14T00:00:00Z"},
          {"tcbStatus", status},
          {"advisoryIDs", advisories}};
}

/// Whole as it is constructed: its evidence verifies, UpToDate.
struct Forger {
  Party root{"Intel SGX Root CA", 1, true};
  Party ca{"Intel SGX PCK Platform CA", 2, true};
  Party signer{"Intel SGX TCB Signing", 3};
  Party pck{"Intel SGX PCK Certificate", 4};
  crypto::EcdsaPrivateKey attestation_key = crypto::EcdsaPrivateKey::generate();
  PckExtension machine;
  json::Json tcb_info;
  json::Json qe_identity;
  std::vector<Bytes> revoked_by_root, revoked_by_ca;
  TimePoint crl_issued = kNow - kDay, crl_next = kNow + 30 * kDay;
  QuoteHeader header;
  SgxReport report, qe_report;
  Bytes qe_auth_data = Bytes(32, 7);
  bool bind_attestation_key = true;
  bool sgx_extension = true;
  // What is done to the finished parts.
  std::function<crypto::Certificate(const crypto::Certificate&, const Forger&)> edit_pck;
  std::function<void(std::vector<crypto::Certificate>&)> edit_chain;
  std::function<void(Quote&)> edit_quote;
  std::function<void(Collateral&)> edit_collateral;

  Forger() {
    machine.components.fill(1);
    machine.components[0] = 5;
    machine.pce_svn = 13;
    machine.fmspc = {1, 2, 3, 4, 5, 6};
    machine.platform_instance_id = ByteArray<16>{9};
    const auto date = [](TimePoint time) { return format_rfc3339(time); };
    tcb_info = {{"id", "SGX"},
                {"version", 3u},
                {"issueDate", date(kNow - kDay)},
                {"nextUpdate", date(kNow + 29 * kDay)},
                {"fmspc", "010203040506"},
                {"pceId", "0000"},
                {"tcbType", 0u},
                {"tcbEvaluationDataNumber", 17u},
                {"tcbLevels", {tcb_level(5, 13, "UpToDate"), tcb_level(4, 12, "OutOfDate")}}};
    qe_identity = {{"id", "QE"},
                   {"version", 2u},
                   {"issueDate", date(kNow - kDay)},
                   {"nextUpdate", date(kNow + 29 * kDay)},
                   {"tcbEvaluationDataNumber", 17u},
                   {"miscselect", "00000000"},
                   {"miscselectMask", "FFFFFFFF"},
                   {"attributes", "11000000000000000000000000000000"},
                   {"attributesMask", "FBFFFFFFFFFFFFFF0000000000000000"},
                   {"mrsigner", std::string(64, 'a')},
                   {"isvprodid", 1u},
                   {"tcbLevels", {qe_level(8, "UpToDate"), qe_level(6, "OutOfDate")}}};
    report.mr_enclave.fill(1);
    report.mr_signer.fill(2);
    report.attributes[0] = 0x05;
    qe_report.mr_signer.fill(0xaa);
    qe_report.attributes[0] = 0x15;
    qe_report.isv_prod_id = 1;
    qe_report.isv_svn = 8;
  }

  Bytes sign_document(const char* name, const json::Json& content) const {
    const std::string inner = content.dump();
    const std::string signature = encode_hex(signer.key.sign(as_bytes(inner)));
    return to_bytes(
        as_bytes(text("{\"", name, "\":", inner, ",\"signature\":\"", signature, "\"}")));
  }

  Evidence make() {
    const auto root_certificate = root.issue(nullptr, root);
    const auto ca_certificate = ca.issue(&root_certificate, root);
    const auto signer_certificate = signer.issue(&root_certificate, root);
    pck.request.extensions.clear();
    if (sgx_extension) pck.request.extensions = {{kPckExtensionOid, encode(machine)}};
    auto pck_certificate = pck.issue(&ca_certificate, ca);
    if (edit_pck) pck_certificate = edit_pck(pck_certificate, *this);

    Evidence out;
    out.root = root.key.public_point();
    const auto pem = [](const std::vector<crypto::Certificate>& chain) {
      return to_bytes(as_bytes(crypto::encode_pem(chain)));
    };
    out.collateral = {.tcb_info = sign_document("tcbInfo", tcb_info),
                      .tcb_info_issuer_chain = pem({signer_certificate, root_certificate}),
                      .qe_identity = sign_document("enclaveIdentity", qe_identity),
                      .qe_identity_issuer_chain = pem({signer_certificate, root_certificate}),
                      .pck_crl = crypto::issue_revocation_list(ca_certificate, ca.key,
                                                               revoked_by_ca, crl_issued, crl_next),
                      .pck_crl_issuer_chain = pem({ca_certificate, root_certificate}),
                      .root_ca_crl = crypto::issue_revocation_list(
                          root_certificate, root.key, revoked_by_root, crl_issued, crl_next)};
    if (edit_collateral) edit_collateral(out.collateral);

    std::vector chain = {pck_certificate, ca_certificate, root_certificate};
    if (edit_chain) edit_chain(chain);
    out.quote = make_quote(pem(chain));
    return out;
  }

  /// In place of the enclave, by quotes of this version; `td` outlives it and may still be changed.
  void start_trust_domain(std::uint16_t version, TdReport& td) {
    header.version = version;
    header.tee_type = kTeeTypeTdx;
    qe_identity["id"] = "TD_QE";
    tcb_info["id"] = "TDX";
    tcb_info["tdxModule"] = {{"mrsigner", std::string(96, '0')},
                             {"attributes", "0000000000000000"},
                             {"attributesMask", "FFFFFFFFFFFFFFFF"}};
    for (json::Json& level : tcb_info["tcbLevels"]) {
      level["tcb"]["tdxtcbcomponents"] = json::Json::array();
      for (int i = 0; i < 16; ++i) level["tcb"]["tdxtcbcomponents"].push_back({{"svn", 0u}});
    }
    td.mr_td.fill(1);
    for (std::uint8_t i = 0; i < td.rtmrs.size(); ++i) td.rtmrs[i].fill(i);
    td.td_attributes[3] = 0x10;
    if (version >= 5) td.later = TdReport::Later{};
    edit_quote = [this, &td](Quote& quote) {
      quote.signed_bytes = encode_signed_bytes(header, td);
      quote.signature = attestation_key.sign(quote.signed_bytes);
    };
  }

 private:
  Bytes make_quote(Bytes chain) const {
    Quote quote;
    quote.signed_bytes = encode_signed_bytes(header, report);
    quote.attestation_key = attestation_key.public_point();
    quote.qe_auth_data = qe_auth_data;
    SgxReport bound = qe_report;
    if (bind_attestation_key) {
      Bytes binding = to_bytes(quote.attestation_key);
      append(binding, qe_auth_data);
      const Digest256 digest = crypto::sha256(binding);
      std::copy(digest.begin(), digest.end(), bound.report_data.begin());
    }
    quote.qe_report_bytes = encode(bound);
    quote.qe_report_signature = pck.key.sign(quote.qe_report_bytes);
    quote.certification_data = std::move(chain);
    quote.signature = attestation_key.sign(quote.signed_bytes);
    if (edit_quote) edit_quote(quote);
    return encode_quote(quote);
  }
};

/// The certificate with `from` in its signed part replaced by `to`, as long, and signed anew.
inline crypto::Certificate edit_certificate(const crypto::Certificate& certificate, ByteView from,
                                            ByteView to, const crypto::EcdsaPrivateKey& issuer) {
  Bytes der = certificate.der();
  const auto at = std::search(der.begin(), der.end(), from.begin(), from.end());
  TORCHKEEP_CHECK(at != der.end() && from.size() == to.size());
  std::copy(to.begin(), to.end(), at);
  der::Reader outer(der);
  der::Reader parts(outer.take(der::kSequence, "certificate").value());
  const Bytes tbs = der::encode_value(der::kSequence, parts.take(der::kSequence, "tbs").value());
  const Bytes algorithm =
      der::encode_value(der::kSequence, parts.take(der::kSequence, "algorithm").value());

  const ByteArray<64> raw = issuer.sign(tbs);
  Bytes numbers;
  for (const std::size_t half : {0u, 32u}) {
    ByteView number = ByteView(raw).subspan(half, 32);
    while (number.size() > 1 && number[0] == 0) number = number.subspan(1);
    Bytes value;
    if ((number[0] & 0x80) != 0) value.push_back(0);
    append(value, number);
    append(numbers, der::encode_value(der::kInteger, value));
  }
  Bytes bits = {0};
  append(bits, der::encode_value(der::kSequence, numbers));
  Bytes content = tbs;
  append(content, algorithm);
  append(content, der::encode_value(0x03, bits));
  return crypto::Certificate::from_der(der::encode_value(der::kSequence, content)).value();
}

}  // namespace torchkeep::attest::testing
