#include "torchkeep/service/service.h"

#include <cstdlib>

#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>

#include "torchkeep/base/process.h"
#include "torchkeep/base/thread_pool.h"
#include "torchkeep/base/version.h"
#include "torchkeep/channel/ra_tls.h"
#include "torchkeep/channel/roots.h"
#include "torchkeep/crypto/ecdsa.h"

namespace torchkeep::service {
namespace {

constexpr std::chrono::seconds kGrace{10};

}  // namespace

struct Service::State {
  State(const Options& chosen, std::string_view program, tee::Role as)
      : options(chosen), role(as), log(program), clock(system_clock) {}

  Options options;
  tee::Role role;
  StderrLog log;
  SystemClock system_clock;
  ForwardClock clock;
  crypto::SystemRandom random;
  asio::io_context io{1};
  asio::thread_pool verifiers{usable_cores()};  // ends before `io`, whose coroutines wait for it
  channel::Endpoint listen;
  std::vector<attest::RootKey> roots;
  std::unique_ptr<tee::Platform> platform;
  std::unique_ptr<channel::CollateralStore> collateral;
  std::vector<std::function<void()>> stop_calls;
  bool stopping = false;

  void stop(channel::HttpServer& server) {
    stopping = true;
    server.stop();
    for (const auto& call : stop_calls) call();
  }

  // The first signal asks for the end, the second does not wait for it.
  void await_signal(asio::signal_set& signals, channel::HttpServer& server) {
    signals.async_wait([this, &signals, &server](const boost::system::error_code& error, int) {
      if (error) return;
      if (stopping) std::_Exit(130);
      log.info("stopping");
      await_signal(signals, server);
      stop(server);
    });
  }

  void tick(const std::shared_ptr<asio::steady_timer>& timer, std::chrono::milliseconds period,
            std::function<void()> work) {
    timer->expires_after(period);
    timer->async_wait([this, timer, period, work](const boost::system::error_code& error) {
      if (error || stopping) return;
      work();
      tick(timer, period, work);
    });
  }
};

Service::Service(std::unique_ptr<State> state) : state_(std::move(state)) {}
Service::~Service() = default;

Result<std::unique_ptr<Service>> Service::open(const Options& options, tee::Role role,
                                               std::string_view program) {
  auto state = std::make_unique<State>(options, program, role);
  // The simulator reads /proc/PID/exe of those it vouches for, which needs a debugger's permission.
  const std::string hardened =
      harden_process(tee::built_for_simulation() ? Debuggers::Allowed : Debuggers::Forbidden);
  state->log.info(kVersion,
                  tee::built_for_simulation()
                      ? ", on a SIMULATED platform: nothing is protected by hardware"
                      : "",
                  "; ", hardened);
  state->listen = TRY(channel::parse_endpoint(options.listen).context("--listen"));
  channel::CollateralStoreParts parts;
  parts.pccs = TRY(channel::PccsClient::open(options.pccs, options.pccs_ca));
  state->roots = TRY(channel::load_roots(options.root).context("--root"));
  for (const attest::RootKey& root : state->roots) TRY(crypto::prepare_p256(root));
  state->platform = TRY(tee::open_platform(options.simtee_socket));
  state->log.info("collateral from ", parts.pccs->address().text(),
                  parts.pccs->address().tls ? "" : ", in clear: it is public, and signed");
  parts.roots = state->roots;
  parts.folder = options.collateral_cache;
  parts.workers = &state->verifiers;
  state->collateral =
      std::make_unique<channel::CollateralStore>(std::move(parts), state->clock, state->log);
  return std::unique_ptr<Service>(new Service(std::move(state)));
}

asio::io_context& Service::io() { return state_->io; }
Log& Service::log() { return state_->log; }
const Clock& Service::clock() const { return state_->clock; }
crypto::Random& Service::random() { return state_->random; }
tee::Platform& Service::platform() { return *state_->platform; }
const std::vector<attest::RootKey>& Service::roots() const { return state_->roots; }
std::vector<channel::CollateralHealth> Service::collateral_health() const {
  return state_->collateral->health();
}

channel::SessionParty Service::party(Bytes context) {
  return {.role = state_->role,
          .platform = state_->platform.get(),
          .context = std::move(context),
          .collateral = state_->collateral.get(),
          .roots = state_->roots,
          .clock = &state_->clock,
          .random = &state_->random,
          .verifiers = &state_->verifiers,
          .forward = &state_->clock};
}

void Service::every(std::chrono::milliseconds period, std::function<void()> work) {
  auto timer = std::make_shared<asio::steady_timer>(state_->io);
  on_stop([timer] { timer->cancel(); });
  state_->tick(timer, period, std::move(work));
}

void Service::on_stop(std::function<void()> call) { state_->stop_calls.push_back(std::move(call)); }

Result<void> Service::serve(channel::HttpHandler handler, std::size_t max_body_bytes,
                            const json::Json& ready) {
  State& state = *state_;
  const channel::RaTlsIdentity identity =
      TRY(channel::make_ra_tls_identity(*state.platform, state.random, state.clock.now())
              .context("our own certificate"));
  const auto tls = TRY(channel::TlsServerContext::create(identity.key, identity.certificate));
  channel::HttpLimits limits;
  limits.max_body_bytes = max_body_bytes;
  limits.max_connections = state.options.max_connections;
  const auto server = TRY(channel::HttpServer::listen(state.io, state.listen, tls, limits,
                                                      std::move(handler), state.log));
  asio::signal_set signals(state.io, SIGINT, SIGTERM);
  state.await_signal(signals, *server);

  json::Json told = ready;
  told["port"] = server->port();
  told["simulation"] = tee::built_for_simulation();
  if (!state.options.ready_file.empty()) {
    TRY(store_file(state.options.ready_file, as_bytes(told.dump() + "\n")).context("--ready-file"));
  }
  state.log.info("serving on ", channel::Endpoint{state.listen.address, server->port()}.text());
  while (!state.stopping) state.io.run_one();
  signals.cancel();
  state.io.run_for(kGrace);
  state.verifiers.join();  // what it verifies belongs to the parties, which end before us
  state.log.info("stopped");
  return {};
}

}  // namespace torchkeep::service
