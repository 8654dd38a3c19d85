#pragma once

#include "torchkeep/channel/http.h"

namespace torchkeep::channel {

/// The head of a request as it goes on the wire; Host, Content-Length and Connection are ours.
/// Errors: InvalidArgument if method, target or a field would break the framing.
Result<std::string> encode_head(const HttpRequest& request, const std::string& host);
Result<std::string> encode_head(const HttpResponse& response, bool keep_alive);

/// {"error":"..."}, as every refusal below the application looks.
HttpResponse refusal_response(unsigned status, std::string_view message);

}  // namespace torchkeep::channel
