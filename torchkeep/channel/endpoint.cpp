#include "torchkeep/channel/endpoint.h"

#include <charconv>

#include <boost/asio/ip/address.hpp>

#include "torchkeep/base/text.h"

namespace torchkeep::channel {
namespace {

constexpr std::string_view kExample =
    "write ADDRESS:PORT, for example 127.0.0.1:8443 or [::1]:8443";

Result<std::uint16_t> parse_port(std::string_view digits) {
  std::uint16_t port = 0;
  const char* const end = digits.data() + digits.size();
  const auto [stop, error] = std::from_chars(digits.data(), end, port);
  if (digits.empty() || error != std::errc() || stop != end) {
    return invalid_argument("\"", digits, "\" is no port (0 to 65535): ", kExample);
  }
  return port;
}

Result<std::string> parse_address(std::string_view written, bool bracketed) {
  if (written == "localhost" && !bracketed) return std::string("127.0.0.1");
  boost::system::error_code error;
  const auto address = boost::asio::ip::make_address(std::string(written), error);
  if (error || address.is_v6() != bracketed) {
    return invalid_argument("\"", written,
                            "\" is no literal address; names are not resolved: ", kExample);
  }
  return address.to_string();
}

}  // namespace

std::string Endpoint::text() const {
  if (address.find(':') != std::string::npos) return torchkeep::text("[", address, "]:", port);
  return torchkeep::text(address, ":", port);
}

Result<Endpoint> parse_endpoint(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (text.find('\0') != std::string_view::npos || colon == std::string_view::npos) {
    return invalid_argument("\"", text, "\" names no port: ", kExample);
  }
  std::string_view address = text.substr(0, colon);
  const bool bracketed = address.size() >= 2 && address.front() == '[' && address.back() == ']';
  if (bracketed) address = address.substr(1, address.size() - 2);
  Endpoint endpoint;
  endpoint.address = TRY(parse_address(address, bracketed));
  endpoint.port = TRY(parse_port(text.substr(colon + 1)));
  return endpoint;
}

}  // namespace torchkeep::channel
