#include "torchkeep/simtee/platform_socket.h"

#include <fstream>

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "torchkeep/attest/verify.h"
#include "torchkeep/base/text.h"
#include "torchkeep/crypto/digest.h"
#include "torchkeep/tee/platform.h"

#include "tests/simtee/site.h"

namespace torchkeep::simtee {
namespace {

Result<attest::Claims> verify(const Site& site, const Answer& quote) {
  const simulator::Machine machine = site.state.load_machine().value();
  const attest::RootKey roots[] = {machine.root_key()};
  return attest::verify_quote(decode_hex(quote.text).value(), machine.collateral(site.clock.now()),
                              roots, site.clock.now());
}

void append_byte(const Path& file) { std::ofstream(file, std::ios::binary | std::ios::app) << 'x'; }

void flip_bit(const Path& file, std::size_t place) {
  Bytes bytes = load_file(file, 4096).value();
  bytes.at(place) ^= 1;
  store_file(file, bytes).value();
}

/// A connection of this very process, which need not speak the protocol.
class RawConnection {
 public:
  explicit RawConnection(const std::string& path)
      : descriptor_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    TORCHKEEP_CHECK(
        ::connect(descriptor_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  }
  ~RawConnection() { ::close(descriptor_); }
  int get() const { return descriptor_; }

 private:
  int descriptor_;
};

TEST(PlatformSocket, GivesASignedProgramAQuoteThatVerifies) {
  const Site site;
  const Path path = site.make_program("worker");
  Child program(path, site.part());
  const Answer quote = ask(program, "quote");
  ASSERT_EQ(quote.code, "ok") << quote.text;
  const auto claims = verify(site, quote);
  ASSERT_TRUE(claims.ok()) << claims.error();
  EXPECT_EQ(claims->find_enclave()->mr_enclave, measure_file(path).value());
  EXPECT_EQ(claims->find_enclave()->mr_signer, crypto::sha256(site.signer.public_point()));
  EXPECT_EQ(claims->find_enclave()->isv_prod_id, 0x5403);
  EXPECT_EQ(claims->find_enclave()->isv_svn, 7);
  EXPECT_FALSE(claims->debug());
  EXPECT_EQ(claims->report_data(), tee::ReportData::for_certificate(as_bytes("claims")).bytes());
}

TEST(PlatformSocket, CarriesTheDebugFlagWhichIsNoPartOfTheMeasurement) {
  const Site site;
  Child release(site.make_program("release"), site.part());
  Child debug(site.make_program("debug", true), site.part());
  const auto release_claims = verify(site, ask(release, "quote"));
  const auto debug_claims = verify(site, ask(debug, "quote"));
  ASSERT_TRUE(release_claims.ok() && debug_claims.ok());
  EXPECT_TRUE(debug_claims->debug());
  EXPECT_FALSE(release_claims->debug());
  EXPECT_EQ(debug_claims->find_enclave()->mr_enclave, release_claims->find_enclave()->mr_enclave);
  EXPECT_NE(ask(debug, "key kek").text, ask(release, "key kek").text);
}

struct Impostor {
  const char* name;
  std::function<Path(const Site&)> make;
  const char* reason;
};

class Impostors : public ::testing::TestWithParam<Impostor> {};

TEST_P(Impostors, AreNotVouchedFor) {
  const Site site;
  Child program(GetParam().make(site), site.part());
  for (const char* const question : {"hello", "quote", "key kek"}) {
    const Answer answer = ask(program, question);
    EXPECT_EQ(answer.code, "Untrusted") << question;
    EXPECT_NE(answer.text.find(GetParam().reason), std::string::npos) << answer.text;
  }
}

INSTANTIATE_TEST_SUITE_P(
    Of, Impostors,
    ::testing::Values(Impostor{"AProgramChangedByOneByte",
                               [](const Site& site) {
                                 const Path program = site.make_program("worker");
                                 append_byte(program);
                                 return program;
                               },
                               "found MRENCLAVE"},
                      Impostor{"AProgramUnderTheDescriptionOfAnother",
                               [](const Site& site) {
                                 const Path other = site.make_program("other"),
                                            program = site.copy_program("worker");
                                 append_byte(program);
                                 std::filesystem::copy_file(sigstruct_of(other),
                                                            sigstruct_of(program));
                                 return program;
                               },
                               "found MRENCLAVE"},
                      Impostor{"AProgramWithoutADescription",
                               [](const Site& site) { return site.copy_program("worker"); },
                               "torchkeep-simtee sign"},
                      Impostor{"ADescriptionWithAForgedProduct",
                               [](const Site& site) {
                                 const Path program = site.make_program("worker");
                                 flip_bit(sigstruct_of(program), 8 + 32 + 16 + 4);
                                 return program;
                               },
                               "signature"},
                      Impostor{"ADescriptionWithAForgedSignature",
                               [](const Site& site) {
                                 const Path program = site.make_program("worker");
                                 flip_bit(sigstruct_of(program), kSigstructBytes - 1);
                                 return program;
                               },
                               "signature"},
                      Impostor{
                          "ADescriptionThatIsNone",
                          [](const Site& site) {
                            const Path program = site.make_program("worker");
                            store_file(sigstruct_of(program), as_bytes("signed, honestly")).value();
                            return program;
                          },
                          "not a signed description"}),
    [](const auto& test) { return test.param.name; });

TEST(PlatformSocket, GivesAProgramItsOwnSealingKeysBackAfterARestart) {
  Site site;
  const Path path = site.make_program("worker"), other_path = site.copy_program("other");
  append_byte(other_path);
  site.sign(other_path);
  Child program(path, site.part()), other(other_path, site.part());
  const Answer key = ask(program, "key kek");
  ASSERT_EQ(key.code, "ok") << key.text;
  EXPECT_EQ(key.text.size(), 64U);
  EXPECT_NE(ask(program, "key leases").text, key.text);
  EXPECT_NE(ask(other, "key kek").text, key.text);

  site.stop();
  EXPECT_EQ(ask(program, "key kek").code, "Unavailable");
  site.start();
  EXPECT_EQ(ask(program, "key kek").text, key.text);
  Child again(path, site.part());
  EXPECT_EQ(ask(again, "key kek").text, key.text);
}

TEST(PlatformSocket, KeepsARunningProgramWhatItWasWhenItsFileIsReplacedOrDeleted) {
  Site site;
  const Path path = site.make_program("worker");
  const Digest256 measured = measure_file(path).value();
  Child program(path, site.part());
  ASSERT_EQ(ask(program, "hello").code, "ok");

  // As a build does: a new file under the old name, and a description of its own.
  std::filesystem::remove(path);
  site.copy_program("worker");
  append_byte(path);
  site.sign(path);
  EXPECT_EQ(verify(site, ask(program, "quote")).value().find_enclave()->mr_enclave, measured);
  Child rebuilt(path, site.part());
  EXPECT_NE(verify(site, ask(rebuilt, "quote")).value().find_enclave()->mr_enclave, measured);

  std::filesystem::remove(path);
  EXPECT_EQ(verify(site, ask(program, "quote")).value().find_enclave()->mr_enclave, measured);

  // A machine that starts now has never seen the description.
  site.stop();
  site.start();
  const Answer answer = ask(program, "quote");
  EXPECT_EQ(answer.code, "Untrusted");
  EXPECT_NE(answer.text.find("start it again"), std::string::npos) << answer.text;
}

TEST(PlatformSocket, IsNotHeldUpByThoseWhoSayNothingOrNonsense) {
  const Site site;
  Child program(site.make_program("worker"), site.part());
  const RawConnection silent(site.socket()), halfway(site.socket());
  const Bytes half{4, 0, 0, 0, 1};
  ASSERT_EQ(::send(halfway.get(), half.data(), half.size(), 0), 5);
  EXPECT_EQ(ask(program, "hello").code, "ok");

  for (const Bytes& nonsense :
       {Bytes{0, 0, 0, 0}, Bytes{129, 0, 0, 0}, Bytes{255, 255, 255, 255}}) {
    const RawConnection connection(site.socket());
    ASSERT_EQ(::send(connection.get(), nonsense.data(), nonsense.size(), 0), 4);
    char byte = 0;
    EXPECT_EQ(::recv(connection.get(), &byte, 1, 0), 0) << "it is cut off";
  }
  EXPECT_EQ(ask(program, "quote").code, "ok");
}

TEST(PlatformSocket, TellsWhoSpeaksWronglyWhatIsWrong) {
  const Site site;
  const RawConnection connection(site.socket());
  ASSERT_TRUE(tee::simulated::send_message(connection.get(), Bytes{9}).ok());
  const SecretBytes answer = tee::simulated::receive_message(connection.get(), 4096).value();
  EXPECT_EQ(tee::simulated::decode_answer(answer.expose()).error().code, ErrorCode::Malformed);
}

TEST(PlatformSocket, ReplacesWhatADeadMachineLeftAndNothingElse) {
  const testing::TemporaryFolder folder;
  const testing::FakeClock clock;
  crypto::SystemRandom random;
  const StateFolder state(folder / "state");
  state.make().value();
  SimulatedMachine machine(state, state.load_or_create_machine(random, clock.now()).value(), clock);
  StderrLog log("simtee");
  boost::asio::io_context io;
  const auto listen = [&](const Path& path) {
    return PlatformSocket::listen(io, path, machine, log);
  };

  const Path path = folder / "socket";
  auto living = listen(path);
  ASSERT_TRUE(living.ok()) << living.error();
  EXPECT_EQ(listen(path).error().code, ErrorCode::Unavailable) << "it is in use";

  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string dead = (folder / "dead").string();
  dead.copy(address.sun_path, sizeof address.sun_path - 1);
  const int left = ::socket(AF_UNIX, SOCK_STREAM, 0);
  ASSERT_EQ(::bind(left, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  ::close(left);
  EXPECT_TRUE(listen(dead).ok());

  store_file(folder / "file", as_bytes("mine")).value();
  EXPECT_EQ(listen(folder / "file").error().code, ErrorCode::InvalidArgument);
  EXPECT_TRUE(std::filesystem::exists(folder / "file"));
  EXPECT_EQ(listen(folder / std::string(200, 'x')).error().code, ErrorCode::InvalidArgument);
  EXPECT_EQ(listen(folder / "none/socket").error().code, ErrorCode::Unavailable);

  living.value()->stop();
  EXPECT_FALSE(std::filesystem::exists(path));
}

}  // namespace
}  // namespace torchkeep::simtee
