#include "torchkeep/channel/internal/pccs_answer.h"

#include "torchkeep/base/encoding.h"
#include "torchkeep/base/text.h"

namespace torchkeep::channel {
namespace {

constexpr std::size_t kMaxChainBytes = 16 * 1024;

std::string_view meaning_of(unsigned status) {
  switch (status) {
    case 404: return "it has no such document in its cache";
    case 460: return "the platform's data do not fit together";
    case 461: return "it does not know this platform";
    case 503:
    case 504: return "it cannot reach Intel's service";
    default: return "it cannot serve now";
  }
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

Result<PccsDocument> parse_pccs_answer(const HttpResponse& response,
                                       std::span<const std::string_view> chain_headers) {
  if (response.status != 200) {
    return unavailable("status ", response.status, ": ", meaning_of(response.status));
  }
  if (response.body.empty()) return malformed("the answer is empty: no PCCS, version 4");
  PccsDocument document{to_bytes(response.body), {}};
  if (!chain_headers.empty()) document.issuer_chain = TRY(take_chain(response, chain_headers));
  return document;
}

}  // namespace torchkeep::channel
