#include "torchkeep/crypto/digest.h"
#include "torchkeep/keyserver/service.h"
#include "torchkeep/keyserver/sqlite/sqlite_key_store.h"
#include "torchkeep/service/service.h"

namespace torchkeep::keyserver {
namespace {

// A statement is at most 256 KiB, and travels as base64 in JSON.
constexpr std::size_t kMaxBodyBytes = std::size_t{512} << 10;

Result<void> serve(const service::Options& options, const Path& store_file) {
  service::Options chosen = options;
  if (chosen.collateral_cache.empty()) {
    chosen.collateral_cache = store_file.parent_path() / "collateral";
  }
  const auto service = TRY(service::Service::open(chosen, tee::Role::KeyServer, "keyserver"));
  Trust trust{.roots = {}, .simulated = service->platform().kind() == tee::PlatformKind::Simulated};
  for (const attest::RootKey& root : service->roots()) trust.roots.push_back(crypto::sha256(root));

  const auto store = TRY(open_sqlite_key_store(store_file).context("--store"));
  const auto key_server = TRY(KeyServer::open(*store, service->platform(), trust, service->clock(),
                                              service->random(), service->log())
                                  .context(store_file.string()));
  channel::SessionParty self = service->party({});
  self.context = session_context(key_server->genesis(), trust, self.lifetime);
  KeyService answering(*key_server, std::move(self), service->log());
  return service->serve(
      [&answering](const channel::HttpRequest& request, channel::Connection& connection) {
        return answering.answer(request, connection);
      },
      kMaxBodyBytes, {{"genesis", key_server->genesis().hex()}});
}

}  // namespace
}  // namespace torchkeep::keyserver

int main(int argc, char** argv) {
  torchkeep::CommandLine app("Releases model keys as their owners' policies say.", "torchkeep-keyserver");
  torchkeep::service::Options options;
  torchkeep::service::add_options(app, options, "torchkeep-keyserver");
  torchkeep::Path store;
  app.add_option("--store", store, "The key store, one SQLite file; made if it is not there")
      .required()
      .type_name("FILE");
  app.footer(
      "Example: torchkeep-keyserver --listen 127.0.0.1:8440 --pccs 127.0.0.1:8081 "
      "--store keys.sqlite");
  return torchkeep::service::run(app, argc, argv,
                                 [&] { return torchkeep::keyserver::serve(options, store); });
}
