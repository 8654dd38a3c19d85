#include "torchkeep/channel/internal/pccs_answer.h"

#include <algorithm>
#include <charconv>

#include "torchkeep/base/encoding.h"
#include "torchkeep/base/log.h"
#include "torchkeep/base/text.h"
#include "torchkeep/crypto/x509.h"

namespace torchkeep::channel {
namespace {

constexpr std::size_t kMaxChainBytes = 16 * 1024;

constexpr std::size_t kMaxShownBytes = 200;

// Foreign text in our messages: short, and on one line.
std::string shown(std::string_view foreign) {
  return one_line(std::string(foreign.substr(0, kMaxShownBytes)));
}

Error redirected(const HttpResponse& response) {
  const std::string* const location = response.find_header("location");
  return invalid_argument("status ", response.status, ": it sends us to ",
                          location == nullptr ? "another place" : shown(*location),
                          ", where we do not follow; if that is the PCCS, name it with --pccs");
}

Error refused(const HttpResponse& response) {
  const unsigned status = response.status;
  if (status >= 300 && status < 400) return redirected(response);
  switch (status) {
    case 400: return malformed("status 400: it does not take this question; no PCCS, version 4?");
    case 401:
    case 403: return denied("status ", status, ": it wants credentials, which we do not have");
    case 404:
      return not_found(
          "status 404: it has no such document; this FMSPC is unknown to it, or its cache was "
          "never "
          "filled for this platform");
    case 410: return not_found("status 410: this document is no longer issued");
    case 429: return unavailable("status 429: it was asked too often");
    case 460: return malformed("status 460: the platform's data do not fit together");
    case 461: return not_found("status 461: it does not know this platform");
    case 503:
    case 504: return unavailable("status ", status, ": it cannot reach Intel's service");
    default: break;
  }
  if (status >= 500) return unavailable("status ", status, ": it cannot serve now");
  return malformed("status ", status, ": no PCCS, version 4");
}

Result<void> check_body(ByteView body, PccsDocumentKind kind) {
  std::string_view text = as_text(body);
  text.remove_prefix(std::min(text.size(), text.find_first_not_of(" \t\r\n")));
  if (text.empty()) return malformed("the answer is empty: no PCCS, version 4");
  if (text.front() == '<') {
    return malformed(
        "the answer is a web page and no document: something else than a PCCS listens there, or a "
        "proxy stands between");
  }
  if (kind == PccsDocumentKind::Json && text.front() != '{') {
    return malformed("the answer is no JSON object: no PCCS, version 4");
  }
  if (kind == PccsDocumentKind::Crl) {
    TRY(crypto::RevocationList::parse(body).context("the answer"));
  }
  return {};
}

Result<Bytes> decode_percent(std::string_view text) {
  Bytes out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out.push_back(static_cast<std::uint8_t>(text[i]));
      continue;
    }
    if (text.size() - i < 3) return malformed("an escape is cut short");
    append(out, TRY(decode_hex(text.substr(i + 1, 2))));
    i += 2;
  }
  return out;
}

Result<Bytes> take_chain(const HttpResponse& response, std::span<const std::string_view> names) {
  for (const std::string_view name : names) {
    const std::string* const encoded = response.find_header(name);
    if (encoded == nullptr) continue;
    if (encoded->size() > kMaxChainBytes) return malformed("header ", name, " is too long");
    Bytes chain = TRY(decode_percent(*encoded).context(name));
    if (!as_text(chain).starts_with("-----BEGIN CERTIFICATE-----")) {
      return malformed("header ", name, " holds no PEM certificates");
    }
    return chain;
  }
  return malformed("header ", names.front(), " is missing: no PCCS, version 4");
}

}  // namespace

Result<PccsDocument> parse_pccs_answer(const HttpResponse& response, PccsDocumentKind kind,
                                       std::span<const std::string_view> chain_headers) {
  if (response.status != 200) return refused(response);
  TRY(check_body(response.body, kind));
  PccsDocument document{to_bytes(response.body), {}};
  if (!chain_headers.empty()) document.issuer_chain = TRY(take_chain(response, chain_headers));
  return document;
}

std::optional<std::chrono::seconds> find_retry_after(const HttpResponse& response) {
  constexpr unsigned kMost = 3600;
  const std::string* const value = response.find_header("retry-after");
  if (value == nullptr) return std::nullopt;
  unsigned seconds = 0;
  const char* const end = value->data() + value->size();
  const auto [stop, error] = std::from_chars(value->data(), end, seconds);
  if (error != std::errc() || stop != end) return std::nullopt;
  return std::chrono::seconds(std::min(seconds, kMost));
}

}  // namespace torchkeep::channel
