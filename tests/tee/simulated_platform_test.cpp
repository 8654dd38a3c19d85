#include "torchkeep/tee/simulated/simulated_platform.h"

#include <functional>
#include <thread>

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "torchkeep/base/text.h"
#include "torchkeep/tee/simulated/protocol.h"

#include "tests/support/files.h"

namespace torchkeep::tee {
namespace {

#ifdef TORCHKEEP_SIMULATION

using simulated::Request;

/// A simulator that answers as a test says; the real one has its tests in tests/simtee.
class ScriptedSimulator {
 public:
  using Script = std::function<Result<SecretBytes>(const Request&)>;

  explicit ScriptedSimulator(Script script) : script_(std::move(script)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path().copy(address.sun_path, sizeof address.sun_path - 1);
    TORCHKEEP_CHECK(
        ::bind(listener_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
    TORCHKEEP_CHECK(::listen(listener_, 8) == 0);
    thread_ = std::thread([this] { serve(); });
  }
  ~ScriptedSimulator() {
    ::shutdown(listener_, SHUT_RDWR);  // ends accept()
    thread_.join();
    ::close(listener_);
  }
  std::string path() const { return (folder_ / "socket").string(); }

 private:
  void serve() {
    for (;;) {
      const int connection = ::accept(listener_, nullptr, nullptr);
      if (connection < 0) return;
      const auto question = simulated::receive_message(connection, simulated::kMaxRequestBytes);
      if (question) {
        const auto answer = script_(simulated::decode_request(question->expose()).value());
        // An internal error stands for a simulator that dies before it answers.
        if (answer || answer.error().code != ErrorCode::Internal) {
          (void)simulated::send_message(connection, simulated::encode_answer(answer).expose());
        }
      }
      ::close(connection);
    }
  }

  testing::TemporaryFolder folder_;
  Script script_;
  int listener_ = ::socket(AF_UNIX, SOCK_STREAM, 0);
  std::thread thread_;
};

Result<SecretBytes> granted(ByteView value) { return SecretBytes::copy_of(value); }

/// Vouches for everybody at first, then answers as told.
ScriptedSimulator::Script after_hello(Result<SecretBytes> (*then)()) {
  return [then](const Request& request) -> Result<SecretBytes> {
    if (std::holds_alternative<simulated::HelloRequest>(request)) return SecretBytes();
    return then();
  };
}

TEST(SimulatedPlatform, AsksForQuotesAndKeysByTheirWords) {
  const ReportData report_data = ReportData::for_certificate(Bytes{1});
  const ScriptedSimulator simulator([&](const Request& request) -> Result<SecretBytes> {
    if (const auto* const quote = std::get_if<simulated::QuoteRequest>(&request)) {
      EXPECT_EQ(quote->report_data, report_data.bytes());
      return granted(Bytes{7, 8, 9});
    }
    if (const auto* const key = std::get_if<simulated::SealingKeyRequest>(&request)) {
      EXPECT_EQ(key->purpose, "kek");
      return granted(Bytes(32, 5));
    }
    return SecretBytes();
  });
  const auto platform = open_platform(simulator.path());
  ASSERT_TRUE(platform.ok()) << platform.error();
  EXPECT_EQ((*platform)->kind(), PlatformKind::Simulated);
  EXPECT_EQ((*platform)->make_evidence(report_data).value(), (Bytes{7, 8, 9}));
  EXPECT_EQ(to_bytes((*platform)->sealing_key("kek").value().expose()), Bytes(32, 5));
  EXPECT_EQ((*platform)->sealing_key("").error().code, ErrorCode::InvalidArgument);
  EXPECT_EQ((*platform)->sealing_key(std::string(65, 'k')).error().code,
            ErrorCode::InvalidArgument);
}

TEST(SimulatedPlatform, IsNotOpenedForAProgramThatIsNotVouchedFor) {
  const ScriptedSimulator simulator(
      [](const Request&) -> Result<SecretBytes> { return untrusted("not what was signed"); });
  const Error error = open_platform(simulator.path()).error();
  EXPECT_EQ(error.code, ErrorCode::Untrusted);
  EXPECT_NE(error.message.find("not what was signed"), std::string::npos) << error;
}

struct BadAnswer {
  const char* name;
  Result<SecretBytes> (*then)();
  ErrorCode expected;
};

class BadAnswers : public ::testing::TestWithParam<BadAnswer> {};

TEST_P(BadAnswers, AreErrorsOfTheCall) {
  const ScriptedSimulator simulator(after_hello(GetParam().then));
  const auto platform = open_platform(simulator.path()).value();
  EXPECT_EQ(platform->sealing_key("kek").error().code, GetParam().expected);
}

INSTANTIATE_TEST_SUITE_P(
    Of, BadAnswers,
    ::testing::Values(
        BadAnswer{"AShortKey", [] { return granted(Bytes(31, 5)); }, ErrorCode::Malformed},
        BadAnswer{"ALongKey", [] { return granted(Bytes(33, 5)); }, ErrorCode::Malformed},
        BadAnswer{"NoKeyAtAll", [] { return granted({}); }, ErrorCode::Malformed},
        BadAnswer{"ARefusal", []() -> Result<SecretBytes> { return untrusted("changed"); },
                  ErrorCode::Untrusted},
        BadAnswer{"AnAnswerThatNeverComes",
                  []() -> Result<SecretBytes> { return internal_error("dies"); },
                  ErrorCode::Unavailable},
        BadAnswer{"AnAnswerTooLong", [] { return granted(Bytes(70'000, 5)); },
                  ErrorCode::Malformed}),
    [](const auto& test) { return test.param.name; });

#else

TEST(SimulatedPlatform, IsRefusedInARealBuild) {
  EXPECT_EQ(open_simulated_platform("/tmp/simtee.sock").error().code, ErrorCode::Denied);
  EXPECT_EQ(open_simulated_platform("").error().code, ErrorCode::Denied);
}

#endif

}  // namespace
}  // namespace torchkeep::tee
