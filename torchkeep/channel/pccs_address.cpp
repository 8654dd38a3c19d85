#include "torchkeep/channel/pccs_address.h"

#include <algorithm>

#include "torchkeep/base/text.h"
#include "torchkeep/channel/endpoint.h"

// address   = HOST ":" PORT / scheme "://" HOST [":" PORT] [base]
// scheme    = "http" / "https" ; ports 80 and 443
// HOST      = IPv4 / "[" IPv6 "]" / name
// base      = 1*( "/" 1*(letter / digit / "-" / "." / "_" / "~" / "%") )
namespace torchkeep::channel {
namespace {

constexpr std::string_view kExample =
    "write HOST:PORT or https://HOST[:PORT][/BASE], for example 127.0.0.1:8081 or "
    "https://api.trustedservices.intel.com";
constexpr std::string_view kRoutes = "/sgx/certification/v4";
constexpr std::string_view kIntelDomain = ".trustedservices.intel.com";

bool is_name_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.';
}
bool is_path_character(char c) {
  return is_name_character(c) || (c >= 'A' && c <= 'Z') || c == '/' || c == '_' || c == '~' ||
         c == '%';
}

std::string lower(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  });
  return out;
}

Result<std::string> parse_base(std::string_view path) {
  while (path.ends_with('/')) path.remove_suffix(1);
  if (path.ends_with(kRoutes)) path.remove_suffix(kRoutes.size());
  if (!std::ranges::all_of(path, is_path_character)) {
    return invalid_argument("\"", path, "\" is no path of a PCCS: ", kExample);
  }
  return std::string(path);
}

Result<void> parse_authority(std::string_view written, std::string_view whole, PccsAddress& out) {
  const bool names_port = written.rfind(':') != std::string_view::npos && !written.ends_with(']');
  const std::string with_port = names_port ? std::string(written) : text(written, ":", out.port);
  auto literal = parse_endpoint(with_port);
  if (literal) {
    out.host = literal->address;
    out.port = literal->port;
    return {};
  }
  const std::size_t colon = with_port.rfind(':');
  const std::string name = lower(std::string_view(with_port).substr(0, colon));
  // A port is read as it is beside a literal address.
  const auto port = parse_endpoint("127.0.0.1:" + with_port.substr(colon + 1));
  const bool is_name = !name.empty() && name.size() <= 253 && name.front() != '-' &&
                       std::ranges::all_of(name, is_name_character) &&
                       std::ranges::any_of(name, [](char c) { return c >= 'a' && c <= 'z'; });
  if (!is_name || !port) return invalid_argument("\"", whole, "\" names no PCCS: ", kExample);
  out.host = name;
  out.port = port->port;
  return {};
}

}  // namespace

std::string PccsAddress::authority() const {
  const bool six = host.find(':') != std::string::npos;
  return six ? torchkeep::text("[", host, "]:", port) : torchkeep::text(host, ":", port);
}

std::string PccsAddress::text() const {
  if (!tls && base.empty()) return authority();
  return torchkeep::text(tls ? "https://" : "http://", authority(), base);
}

Result<PccsAddress> parse_pccs_address(std::string_view written) {
  PccsAddress out;
  std::string_view rest = written;
  const std::string scheme = lower(written.substr(0, written.find("://")));
  if (scheme.size() < written.size()) {
    if (scheme != "http" && scheme != "https") {
      return invalid_argument("\"", scheme, "\" is no way to a PCCS: ", kExample);
    }
    out.tls = scheme == "https";
    out.port = out.tls ? 443 : 80;
    rest.remove_prefix(scheme.size() + 3);
    const std::size_t slash = std::min(rest.find('/'), rest.size());
    out.base = TRY(parse_base(rest.substr(slash)));
    rest = rest.substr(0, slash);
  } else if (rest.find(':') == std::string_view::npos) {
    return invalid_argument("\"", written, "\" names no port: ", kExample);
  }
  TRY(parse_authority(rest, written, out));
  return out;
}

bool is_intels(const PccsAddress& address) {
  return address.tls && address.host.ends_with(kIntelDomain);
}

}  // namespace torchkeep::channel
