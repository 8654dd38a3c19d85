#include "torchkeep/keycache/service.h"
#include "torchkeep/service/service.h"

namespace torchkeep::keycache {
namespace {

// Workers send requests of a few hundred bytes, and evidence.
constexpr std::size_t kMaxBodyBytes = std::size_t{256} << 10;
constexpr std::chrono::seconds kExpiryPeriod{1};

Result<void> serve(const service::Options& options, const std::string& key_server,
                   const Path& state) {
  const channel::Endpoint endpoint =
      TRY(channel::parse_endpoint(key_server).context("--keyserver"));
  service::Options chosen = options;
  if (chosen.collateral_cache.empty()) chosen.collateral_cache = state / "collateral";
  const auto service = TRY(service::Service::open(chosen, tee::Role::KeyCache, "keycache"));
  SealedLeases sealed(state, service->platform(), service->log());
  RemoteKeyServer remote(endpoint, service->party({}));
  KeyCache cache(remote, sealed, service->clock(), service->random(), service->log());
  CacheService answering(cache, service->party({}), service->log());
  service->every(kExpiryPeriod, [&cache] { cache.expire(); });
  return service->serve(
      [&answering](const channel::HttpRequest& request, channel::Connection& connection) {
        return answering.answer(request, connection);
      },
      kMaxBodyBytes, json::Json::object());
}

}  // namespace
}  // namespace torchkeep::keycache

int main(int argc, char** argv) {
  torchkeep::CommandLine app("Holds released model keys near the workers.", "torchkeep-keycache");
  torchkeep::service::Options options;
  torchkeep::service::add_options(app, options, "torchkeep-keycache");
  std::string key_server;
  app.add_option("--keyserver", key_server, "The key server to have keys from")
      .required()
      .type_name("HOST:PORT");
  torchkeep::Path state;
  app.add_option("--state", state, "Folder of the sealed leases; made if it is not there")
      .required()
      .type_name("FOLDER");
  app.footer(
      "Example: torchkeep-keycache --listen 127.0.0.1:8441 --pccs 127.0.0.1:8081 "
      "--keyserver 127.0.0.1:8440 --state leases");
  return torchkeep::service::run(
      app, argc, argv, [&] { return torchkeep::keycache::serve(options, key_server, state); });
}
