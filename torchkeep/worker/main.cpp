#include "torchkeep/base/process.h"
#include "torchkeep/service/service.h"
#include "torchkeep/worker/container_loader.h"
#include "torchkeep/worker/http_api.h"

namespace torchkeep::worker {
namespace {

using namespace std::chrono_literals;

// What one request may weigh at the door; a model's own limit is in its config.json.
constexpr std::size_t kMaxBodyBytes = std::size_t{1} << 30;

struct WorkerOptions {
  service::Options service;
  Path repository;
  std::string owner;
  std::string cache;
  std::size_t threads = usable_cores();
};

Result<void> serve(const WorkerOptions& options) {
  const keys::OwnerKey owner = TRY(keys::parse_owner_key(options.owner).context("--owner"));
  const channel::Endpoint cache = TRY(channel::parse_endpoint(options.cache).context("--cache"));
  const auto service = TRY(service::Service::open(options.service, tee::Role::Worker, "worker"));
  const channel::SessionParty self = service->party(to_bytes(owner.bytes));

  client::CacheKeySource keys(cache, self);
  ThreadPool pool(options.threads);
  ContainerLoader loader(pool, static_cast<int>(options.threads));
  // Threads end before the loop whose coroutines wait for them, so these stand behind the service.
  ComputeThread loading, inference;
  Workbench bench{owner,
                  keys,
                  loader,
                  loading,
                  inference,
                  service->io(),
                  service->clock(),
                  service->log(),
                  service->random()};
  ModelHost host(options.repository, bench);
  HttpApi api(host, bench, self);

  TRY(host.rescan());
  bool scanned = true;
  service->every(200ms, [&] { host.tick(); });
  service->every(2s, [&] {
    const Result<void> done = host.rescan();
    if (!done && scanned) service->log().warning(done.error().message, "; models stay as they are");
    scanned = done.ok();
  });
  service->on_stop([&] { host.stop(); });
  return service->serve(
      [&api](const channel::HttpRequest& request, channel::Connection& connection) {
        return api.answer(request, connection);
      },
      kMaxBodyBytes, {{"owner", keys::hex(owner)}});
}

}  // namespace
}  // namespace torchkeep::worker

int main(int argc, char** argv) {
  using namespace torchkeep;
  CommandLine app("Serves the encrypted models of one owner by the Open Inference Protocol.",
                  "torchkeep-worker");
  worker::WorkerOptions options;
  service::add_options(app, options.service, "torchkeep-worker");
  app.add_option("--repository", options.repository, "Folder with NAME/VERSION/model.tkm")
      .required()
      .type_name("FOLDER");
  app.add_option("--owner", options.owner,
                 "The owner's public key: the one whose models are served")
      .required()
      .type_name("HEX");
  app.add_option("--cache", options.cache, "The key cache to ask for keys")
      .required()
      .type_name("HOST:PORT");
  app.add_option("--threads", options.threads, "Threads for decryption, and for each inference")
      .within(1, 1024)
      .show_default();
  app.footer(
      "Example: torchkeep-worker --listen 127.0.0.1:8443 --pccs 127.0.0.1:8081 --repository models "
      "--owner 91f0... --cache 127.0.0.1:8441");
  return service::run(app, argc, argv, [&options] { return worker::serve(options); });
}
