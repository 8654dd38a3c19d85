#pragma once

#include <span>

#include "torchkeep/channel/http.h"

namespace torchkeep::channel {

/// One document of a PCCS: its bytes exactly as received, and its issuers' certificates.
struct PccsDocument {
  Bytes body;
  Bytes issuer_chain;  ///< PEM; empty where none was asked for.
};

/// `chain_headers`: names under which the URL-encoded issuer chain may stand; none: no chain.
/// Errors: Unavailable if the service has no such document (its status says why); Malformed if the
/// answer is no PCCS's.
Result<PccsDocument> parse_pccs_answer(const HttpResponse& response,
                                       std::span<const std::string_view> chain_headers);

}  // namespace torchkeep::channel
