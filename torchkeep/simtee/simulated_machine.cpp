#include "torchkeep/simtee/simulated_machine.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <map>

#include "torchkeep/base/encoding.h"
#include "torchkeep/base/text.h"

namespace torchkeep::simtee {
namespace {

using channel::HttpResponse;
using Query = std::map<std::string, std::string, std::less<>>;

constexpr std::string_view kBase = "/sgx/certification/v4";
constexpr std::string_view kTdxBase = "/tdx/certification/v4";
constexpr std::string_view kJson = "application/json";

/// None of the values that these routes know needs percent-encoding.
Query parse_query(std::string_view text) {
  Query out;
  while (!text.empty()) {
    const std::string_view pair = text.substr(0, text.find('&'));
    text.remove_prefix(std::min(text.size(), pair.size() + 1));
    const std::size_t equals = pair.find('=');
    if (equals == std::string_view::npos) continue;
    out.emplace(pair.substr(0, equals), pair.substr(equals + 1));
  }
  return out;
}

std::string lower(std::string text) {
  std::ranges::transform(text, text.begin(), [](unsigned char c) { return std::tolower(c); });
  return text;
}

HttpResponse refuse(unsigned status, std::string_view message) {
  return channel::text_response(status, "text/plain", message);
}

HttpResponse document(std::string_view content_type, ByteView body) {
  return channel::text_response(200, content_type, as_text(body));
}

HttpResponse with_chain(HttpResponse response, const char* header, ByteView pem) {
  response.headers.emplace_back(header, percent_encode(as_text(pem)));
  return response;
}

HttpResponse answer_tcb(const Query& query, const attest::CollateralKey& key,
                        const attest::Collateral& collateral) {
  const auto fmspc = query.find("fmspc");
  if (fmspc == query.end() || !decode_hex_array<6>(fmspc->second)) {
    return refuse(400, "fmspc wants 12 hex digits");
  }
  if (lower(fmspc->second) != encode_hex(key.fmspc))
    return refuse(404, "No cache data for this platform.");
  return with_chain(document(kJson, collateral.tcb_info), "tcb-info-issuer-chain",
                    collateral.tcb_info_issuer_chain);
}

std::string encode_crl_pem(ByteView der) {
  constexpr std::size_t kLineCharacters = 64;
  const std::string base64 = encode_base64(der);
  std::string out = "-----BEGIN X509 CRL-----\n";
  for (std::size_t at = 0; at < base64.size(); at += kLineCharacters) {
    out += base64.substr(at, kLineCharacters) + "\n";
  }
  return out + "-----END X509 CRL-----\n";
}

HttpResponse answer_pck_crl(const Query& query, const attest::CollateralKey& key,
                            const attest::Collateral& collateral) {
  const auto ca = query.find("ca");
  if (ca == query.end() || (ca->second != "platform" && ca->second != "processor")) {
    return refuse(400, "ca wants \"platform\" or \"processor\"");
  }
  if (ca->second != key.ca) return refuse(404, "No cache data for this platform.");
  const auto encoding = query.find("encoding");
  const std::string wanted = encoding == query.end() ? "pem" : encoding->second;
  if (wanted != "pem" && wanted != "der") return refuse(400, "encoding wants \"pem\" or \"der\"");
  HttpResponse response = wanted == "der"
                              ? document("application/pkix-crl", collateral.pck_crl)
                              : channel::text_response(200, "application/x-pem-file",
                                                       encode_crl_pem(collateral.pck_crl));
  return with_chain(std::move(response), "sgx-pck-crl-issuer-chain",
                    collateral.pck_crl_issuer_chain);
}

}  // namespace

std::string percent_encode(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  constexpr std::string_view kPlain = "-._~";
  std::string out;
  for (const unsigned char c : text) {
    if (std::isalnum(c) != 0 || kPlain.find(static_cast<char>(c)) != std::string_view::npos) {
      out += static_cast<char>(c);
    } else {
      out += {'%', kDigits[c >> 4], kDigits[c & 15]};
    }
  }
  return out;
}

Result<SecretBytes> SimulatedMachine::answer(const Peer& peer,
                                             const tee::simulated::Request& request) {
  const attest::SgxEnclave enclave = TRY(meter_.measure(peer));
  if (const auto* const quote = std::get_if<tee::simulated::QuoteRequest>(&request)) {
    return SecretBytes::copy_of(machine_.make_quote(enclave, quote->report_data));
  }
  if (const auto* const key = std::get_if<tee::simulated::SealingKeyRequest>(&request)) {
    return machine_.sealing_key(enclave, key->purpose);
  }
  return SecretBytes();
}

HttpResponse SimulatedMachine::answer_pccs(std::string_view method, std::string_view target) {
  if (method != "GET") return refuse(405, "only GET is served here");
  const std::string_view path = target.substr(0, target.find('?'));
  const Query query =
      parse_query(path.size() == target.size() ? "" : target.substr(path.size() + 1));
  if (path.starts_with(kTdxBase)) {
    return refuse(404, "this is a machine with SGX alone: there is no collateral for TDX");
  }
  if (!path.starts_with(kBase)) return refuse(404, "not a route of a PCCS, version 4");

  const auto condition = folder_.load_condition();
  if (!condition) return refuse(500, condition.error().message);
  machine_.set_condition(*condition);
  const attest::Collateral collateral = machine_.collateral(clock_.now());
  const attest::CollateralKey key = machine_.collateral_key();
  const std::string_view route = path.substr(kBase.size());
  if (route == "/tcb") return answer_tcb(query, key, collateral);
  if (route == "/pckcrl") return answer_pck_crl(query, key, collateral);
  if (route == "/rootcacrl") return document("text/plain", collateral.root_ca_crl);
  if (route == "/qe/identity") {
    return with_chain(document(kJson, collateral.qe_identity), "sgx-enclave-identity-issuer-chain",
                      collateral.qe_identity_issuer_chain);
  }
  return refuse(404, "not a route of a PCCS, version 4");
}

}  // namespace torchkeep::simtee
