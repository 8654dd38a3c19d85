#include "torchkeep/channel/http.h"

#include <boost/beast/http/status.hpp>

#include "torchkeep/channel/internal/http_head.h"
#include "torchkeep/json/json.h"

namespace torchkeep::channel {
namespace {

const std::string* find_in(const HttpHeaders& headers, std::string_view name) {
  for (const auto& [key, value] : headers) {
    if (key == name) return &value;
  }
  return nullptr;
}

bool is_visible(std::string_view word) {
  for (const char c : word) {
    if (c <= ' ' || c > '~') return false;
  }
  return !word.empty();
}

// What a handler says may hold a client's words; none of them may begin a header of their own.
bool is_field(const std::string& name, const std::string& value) {
  return is_visible(name) && name.find(':') == std::string::npos &&
         value.find_first_of(std::string_view("\r\n\0", 3)) == std::string::npos;
}

bool is_framing(const std::string& name) {
  return name == "content-length" || name == "connection" || name == "transfer-encoding" ||
         name == "host";
}

Result<void> append_fields(std::string& out, const HttpHeaders& headers) {
  for (const auto& [name, value] : headers) {
    if (!is_field(name, value)) return invalid_argument("header \"", name, "\" has no proper form");
    if (is_framing(name)) continue;
    out.append(name).append(": ").append(value).append("\r\n");
  }
  return {};
}

}  // namespace

const std::string* HttpRequest::find_header(std::string_view name) const {
  return find_in(headers, name);
}

const std::string* HttpResponse::find_header(std::string_view name) const {
  return find_in(headers, name);
}

HttpResponse text_response(unsigned status, std::string_view content_type, std::string_view body) {
  HttpResponse response;
  response.status = status;
  response.headers = {{"content-type", std::string(content_type)}};
  append(response.body, as_bytes(body));
  return response;
}

HttpResponse refusal_response(unsigned status, std::string_view message) {
  const json::Json body = {{"error", std::string(message)}};
  return text_response(status, "application/json", json::encode_canonical(body));
}

Result<std::string> encode_head(const HttpRequest& request, const std::string& host) {
  if (!is_visible(request.method) || !is_visible(request.target)) {
    return invalid_argument("a request needs a method and a target without spaces");
  }
  std::string out = text(request.method, " ", request.target, " HTTP/1.1\r\nhost: ", host, "\r\n");
  TRY(append_fields(out, request.headers));
  if (!request.body.empty() || (request.method != "GET" && request.method != "HEAD")) {
    out += text("content-length: ", request.body.size(), "\r\n");
  }
  return out + "\r\n";
}

Result<std::string> encode_head(const HttpResponse& response, bool keep_alive) {
  if (response.status < 200 || response.status > 599) {
    return invalid_argument("status ", response.status, " is no answer");
  }
  const auto reason =
      boost::beast::http::obsolete_reason(static_cast<boost::beast::http::status>(response.status));
  std::string out = text("HTTP/1.1 ", response.status, " ",
                         std::string_view(reason.data(), reason.size()), "\r\n");
  TRY(append_fields(out, response.headers));
  if (response.status != 204 && response.status != 304) {
    out += text("content-length: ", response.body.size(), "\r\n");
  }
  if (!keep_alive) out += "connection: close\r\n";
  return out + "\r\n";
}

}  // namespace torchkeep::channel
