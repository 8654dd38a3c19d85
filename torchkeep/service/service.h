#pragma once

#include <functional>
#include <memory>

#include <boost/asio/io_context.hpp>

#include "torchkeep/base/command_line.h"
#include "torchkeep/base/file.h"
#include "torchkeep/channel/collateral_store.h"
#include "torchkeep/channel/session.h"
#include "torchkeep/json/json.h"

/// What every enclave program does the same way: its options, what it stands on, how it serves and
/// how it ends. A program's main.cpp adds its own options and its handler.
namespace torchkeep::service {

namespace asio = boost::asio;

/// The closed list of what a host may say: addresses, paths, limits. None of it can weaken a
/// policy.
struct Options {
  std::string listen;         ///< --listen HOST:PORT; port 0 asks for a free one.
  std::string pccs;           ///< --pccs HOST:PORT or https://HOST[:PORT][/BASE]
  Path pccs_ca;               ///< --pccs-ca FILE.pem: accepts this CA alone for an https PCCS.
  Path collateral_cache;      ///< --collateral-cache FOLDER; empty: memory alone, unless the
                              ///< program has a folder of its own to put it into.
  Path root;                  ///< --root FILE.pem; without one, Intel's root (not in a simulation).
  std::string simtee_socket;  ///< --simtee-socket PATH; only in a simulation.
  Path ready_file;            ///< --ready-file PATH: written once the program serves.
  std::size_t max_connections = 256;  ///< --max-connections
};

/// Adds the options above, `--config FILE` for the same and the program's own (unknown fields are
/// refused), and `--version`.
void add_options(CommandLine& app, Options& options, std::string_view program);

/// Parses the command line, then runs `body`; a failure is one line on standard error. Returns the
/// exit code (base/process.h).
int run(CommandLine& app, int argc, char** argv, const std::function<Result<void>()>& body);

/// What a program stands on once its options are read: platform, roots, collateral, clock, its TLS
/// identity. *Lives on the main thread.* All that it hands out lives as long as it does.
class Service {
 public:
  /// Says in the first log line what the program is and whether the platform is simulated, hardens
  /// the process, opens the platform. Errors: InvalidArgument (options); Unavailable (no platform).
  static Result<std::unique_ptr<Service>> open(const Options& options, tee::Role role,
                                               std::string_view program);
  ~Service();

  asio::io_context& io();
  Log& log();
  const Clock& clock() const;  ///< Never goes back; raised by authenticated times.
  crypto::Random& random();
  tee::Platform& platform();
  const std::vector<attest::RootKey>& roots() const;
  /// Which collateral is held, how long it holds, and whether the PCCS is away.
  std::vector<channel::CollateralHealth> collateral_health() const;

  /// What we prove ourselves with; `context` is bound by our evidence.
  channel::SessionParty party(Bytes context);

  /// Calls `work` every `period` while serving, on the serving thread.
  void every(std::chrono::milliseconds period, std::function<void()> work);
  /// Called once when the end is asked for, so that a program cancels the timers that it has of its
  /// own: what is left running then is given ten seconds.
  void on_stop(std::function<void()> call);

  /// Listens, writes the ready file ({"port":N, "simulation":B, ...`ready`}) and serves on this
  /// thread until SIGTERM or SIGINT; running requests are answered first, for at most ten seconds.
  /// A second signal ends the process at once. To be called once. Errors: Unavailable (port in use,
  /// ready file).
  Result<void> serve(channel::HttpHandler handler, std::size_t max_body_bytes,
                     const json::Json& ready);

 private:
  struct State;
  explicit Service(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace torchkeep::service
