#include <boost/asio/signal_set.hpp>

#include "torchkeep/base/log.h"
#include "torchkeep/base/process.h"
#include "torchkeep/base/version.h"
#include "torchkeep/simtee/commands/commands.h"
#include "torchkeep/simtee/platform_socket.h"

namespace torchkeep::simtee {
namespace {

namespace asio = boost::asio;

constexpr std::chrono::seconds kGrace{2};

struct Options {
  Path state;
  Path socket;
  std::string pccs;
  Path ready_file;
};

/// Listens on a port of loopback or elsewhere, in clear: all that a PCCS serves is signed.
Result<std::unique_ptr<channel::HttpServer>> listen_as_pccs(asio::io_context& io,
                                                            const std::string& address,
                                                            SimulatedMachine& machine, Log& log) {
  const channel::Endpoint endpoint = TRY(channel::parse_endpoint(address).context("--pccs"));
  const auto handler = [&machine](const channel::HttpRequest& request,
                                  channel::Connection&) -> asio::awaitable<channel::HttpResponse> {
    co_return machine.answer_pccs(request.method, request.target);
  };
  return channel::HttpServer::listen(io, endpoint, nullptr, {}, handler, log);
}

/// One that was left behind would tell of ports that nobody serves.
void remove_ready_file(const Options& options) {
  std::error_code ignored;  // there is none, mostly
  if (!options.ready_file.empty()) std::filesystem::remove(options.ready_file, ignored);
}

Result<void> store_ready_file(const Options& options, std::uint16_t pccs_port) {
  if (options.ready_file.empty()) return {};
  const json::Json ready{
      {"pccs_port", pccs_port}, {"socket", options.socket.string()}, {"simulation", true}};
  return store_file(options.ready_file, as_bytes(ready.dump()));
}

Result<void> serve(const Options& options) {
  StderrLog log("simtee");
  log.info("torchkeep-simtee ", kVersion, ": a SIMULATED SGX platform, which protects nothing; ",
           harden_process(Debuggers::Forbidden));
  const SystemClock clock;
  crypto::SystemRandom random;
  const StateFolder folder(options.state);
  TRY(folder.make());
  const StateLock lock = TRY(StateLock::take(folder));
  remove_ready_file(options);
  SimulatedMachine machine(folder, TRY(folder.load_or_create_machine(random, clock.now())), clock);

  asio::io_context io{1};
  bool ending = false;
  asio::signal_set signals(io, SIGTERM, SIGINT);
  signals.async_wait([&](const boost::system::error_code&, int) { ending = true; });
  const auto pccs = TRY(listen_as_pccs(io, options.pccs, machine, log));
  const auto socket = TRY(PlatformSocket::listen(io, options.socket, machine, log));
  TRY(store_ready_file(options, pccs->port()));
  log.info("programs find the machine at ", options.socket.string(),
           ", verifiers its collateral on port ", pccs->port(), ", its root certificate is ",
           folder.root_certificate().string());

  while (!ending) io.run_one();
  pccs->stop();
  socket->stop();
  io.run_for(kGrace);  // returns as soon as the last request is answered
  remove_ready_file(options);
  log.info("ended");
  return {};
}

}  // namespace

void add_serve(Command app, Invocation& invocation) {
  const Command command = app.add_command(
      "serve", "Be a simulated SGX machine, and the services that Intel runs for it");
  command.footer(
      "Example: torchkeep-simtee serve --state /var/tmp/simtee --socket /var/tmp/simtee.sock "
      "--pccs 127.0.0.1:8081");
  const auto options = std::make_shared<Options>();
  command
      .add_option("--state", options->state,
                  "The machine's folder; a new machine is made if it is empty")
      .required()
      .type_name("FOLDER");
  command.add_option("--socket", options->socket, "Unix socket at which programs find the machine")
      .required()
      .type_name("PATH");
  command
      .add_option("--pccs", options->pccs, "Where collateral is served; port 0 asks for a free one")
      .required()
      .type_name("HOST:PORT");
  command.add_option("--ready-file", options->ready_file, "Written once the machine serves")
      .type_name("PATH");
  command.callback(
      [&invocation, options] { invocation.run = [options] { return serve(*options); }; });
}

}  // namespace torchkeep::simtee
