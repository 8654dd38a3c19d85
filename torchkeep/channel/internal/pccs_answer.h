#pragma once

#include <span>

#include "torchkeep/channel/http.h"

namespace torchkeep::channel {

/// One document of a PCCS: its bytes exactly as received, and its issuers' certificates.
struct PccsDocument {
  Bytes body;
  Bytes issuer_chain;  ///< PEM; empty where none was asked for.
};

enum class PccsDocumentKind { Json, Crl };

/// `chain_headers`: names under which the URL-encoded issuer chain may stand; none: no chain.
/// Errors: Unavailable if it may be there later (429, 5xx); NotFound if the service has no such
/// document; Denied if it wants credentials; InvalidArgument if it is another place's to serve
/// (a redirect, with where to); Malformed if the answer is no PCCS's.
Result<PccsDocument> parse_pccs_answer(const HttpResponse& response, PccsDocumentKind kind,
                                       std::span<const std::string_view> chain_headers);

/// How long the service asks us to stay away: Retry-After in seconds; dates are passed over.
std::optional<std::chrono::seconds> find_retry_after(const HttpResponse& response);

}  // namespace torchkeep::channel
