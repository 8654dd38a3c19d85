#include "torchkeep/channel/internal/pccs_connection.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "torchkeep/base/text.h"
#include "torchkeep/channel/collateral_folder.h"

namespace torchkeep::channel {
namespace {

using asio::ip::tcp;
constexpr std::size_t kMostAddresses = 3;

asio::awaitable<Result<std::vector<Endpoint>>> resolve(const PccsAddress& address) {
  boost::system::error_code no_literal;
  const auto literal = asio::ip::make_address(address.host, no_literal);
  if (!no_literal) co_return std::vector{Endpoint{literal.to_string(), address.port}};
  tcp::resolver resolver(co_await asio::this_coro::executor);
  const auto [error, found] = co_await resolver.async_resolve(
      address.host, std::to_string(address.port), asio::as_tuple(asio::use_awaitable));
  if (error) co_return unavailable("no address for \"", address.host, "\": ", error.message());
  std::vector<Endpoint> out;
  for (const auto& entry : found) {
    if (out.size() == kMostAddresses) break;
    out.push_back({entry.endpoint().address().to_string(), address.port});
  }
  co_return out;
}

}  // namespace

asio::awaitable<Result<std::unique_ptr<HttpClient>>> connect(const PccsPlace& place,
                                                             const PccsPatience& patience) {
  const HttpClientLimits limits{.max_body_bytes = kMaxCollateralBytes, .answer = patience.answer};
  auto addresses = co_await resolve(place.address);
  if (!addresses) co_return std::move(addresses).error();
  Result<std::unique_ptr<HttpClient>> out = unavailable("its name has no address");
  for (const Endpoint& endpoint : *addresses) {
    out = co_await HttpClient::connect(endpoint, place.tls, patience.connect, limits,
                                       place.address.authority());
    if (out) break;
  }
  co_return out;
}

}  // namespace torchkeep::channel
