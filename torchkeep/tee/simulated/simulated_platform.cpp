#include "torchkeep/tee/simulated/simulated_platform.h"

#include <cerrno>
#include <cstring>
#include <system_error>

#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "torchkeep/base/text.h"
#include "torchkeep/tee/simulated/protocol.h"

namespace torchkeep::tee {
namespace {

constexpr long kTimeoutSeconds = 10;
constexpr std::size_t kSealingKeyBytes = 32;

class Socket {
 public:
  Socket() : descriptor_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {}
  ~Socket() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  int get() const { return descriptor_; }

  Result<void> connect(const std::string& path) {
    const timeval timeout{kTimeoutSeconds, 0};
    ::setsockopt(descriptor_, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
    ::setsockopt(descriptor_, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.data(), path.size());
    int failed = 0;
    do {
      failed = ::connect(descriptor_, reinterpret_cast<const sockaddr*>(&address), sizeof address);
    } while (failed != 0 && errno == EINTR);
    if (failed != 0) {
      return unavailable("no simulated platform at ", path, ": ",
                         std::generic_category().message(errno),
                         "; start it with \"torchkeep-simtee serve\"");
    }
    return {};
  }

 private:
  int descriptor_;
};

/// *Thread-safe*: each question has a connection of its own.
class SimulatedPlatform final : public Platform {
 public:
  explicit SimulatedPlatform(std::string path) : path_(std::move(path)) {}

  PlatformKind kind() const override { return PlatformKind::Simulated; }

  Result<Bytes> make_evidence(const ReportData& report_data) override {
    const SecretBytes quote = TRY(ask(simulated::QuoteRequest{report_data.bytes()}));
    return to_bytes(quote.expose());
  }

  Result<SecretBytes> sealing_key(std::string_view purpose) override {
    TRY(check_purpose(purpose));
    SecretBytes key = TRY(ask(simulated::SealingKeyRequest{std::string(purpose)}));
    if (key.size() != kSealingKeyBytes) return malformed("sealing key of ", key.size(), " bytes");
    return key;
  }

  Result<SecretBytes> ask(const simulated::Request& request) const {
    return exchange(request).context("simulated platform");
  }

 private:
  Result<SecretBytes> exchange(const simulated::Request& request) const {
    Socket socket;
    TRY(socket.connect(path_));
    TRY(simulated::send_message(socket.get(), simulated::encode_request(request)));
    const SecretBytes answer =
        TRY(simulated::receive_message(socket.get(), simulated::kMaxAnswerBytes));
    return simulated::decode_answer(answer.expose());
  }

  std::string path_;
};

}  // namespace

Result<std::unique_ptr<Platform>> open_simulated_platform(const std::string& socket_path) {
  if (!built_for_simulation()) {
    return denied("this program is built for real platforms and takes no simulator");
  }
  if (socket_path.empty()) return invalid_argument("no socket of a simulated platform was given");
  if (socket_path.size() >= sizeof(sockaddr_un::sun_path)) {
    return invalid_argument("the simulator's socket path has ", socket_path.size(),
                            " bytes, at most ", sizeof(sockaddr_un::sun_path) - 1, " fit");
  }
  auto platform = std::make_unique<SimulatedPlatform>(socket_path);
  TRY(platform->ask(simulated::HelloRequest{}));
  return platform;
}

}  // namespace torchkeep::tee
