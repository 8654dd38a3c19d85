#pragma once

#include <optional>
#include <thread>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

#include "torchkeep/simtee/platform_socket.h"
#include "torchkeep/simtee/sigstruct.h"

#include "tests/simtee/program.h"
#include "tests/support/fake_clock.h"
#include "tests/support/files.h"

namespace torchkeep::simtee {

/// A machine that listens in this process, and a folder for programs that ask it.
class Site {
 public:
  Site() {
    state.make().value();
    start();
  }
  ~Site() { stop(); }
  Site(const Site&) = delete;
  Site& operator=(const Site&) = delete;

  void start() {
    machine_.emplace(state, state.load_or_create_machine(random_, clock.now()).value(), clock);
    io_.restart();
    socket_ = PlatformSocket::listen(io_, socket(), *machine_, log_).value();
    thread_ = std::thread([this] { io_.run(); });
  }
  void stop() {
    if (!thread_.joinable()) return;
    boost::asio::post(io_, [this] { socket_->stop(); });
    thread_.join();
    socket_.reset();
  }

  std::string socket() const { return (folder / "socket").string(); }

  /// A copy of this test program under another name.
  Path copy_program(std::string_view name) const {
    std::filesystem::copy_file(own_executable(), folder / name);
    return folder / name;
  }
  void sign(const Path& program, bool debug = false) const {
    const auto enclave = describe(measure_file(program).value(), 0x5403, 7, debug);
    store_file(sigstruct_of(program), make_sigstruct(enclave, signer)).value();
  }
  Path make_program(std::string_view name, bool debug = false) const {
    const Path program = copy_program(name);
    sign(program, debug);
    return program;
  }
  std::vector<std::string> part() const { return {kPlayProgram, socket()}; }

  testing::TemporaryFolder folder;
  testing::FakeClock clock;
  StateFolder state{folder / "state"};
  crypto::EcdsaPrivateKey signer = crypto::EcdsaPrivateKey::generate();

 private:
  crypto::SystemRandom random_;
  StderrLog log_{"simtee"};
  boost::asio::io_context io_{1};
  std::optional<SimulatedMachine> machine_;
  std::unique_ptr<PlatformSocket> socket_;
  std::thread thread_;
};

}  // namespace torchkeep::simtee
