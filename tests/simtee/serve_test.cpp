#include <gtest/gtest.h>
#include <signal.h>

#include "torchkeep/attest/verify.h"
#include "torchkeep/base/encoding.h"
#include "torchkeep/base/text.h"
#include "torchkeep/channel/pccs.h"
#include "torchkeep/json/json.h"

#include "tests/simtee/site.h"
#include "tests/support/loopback.h"

// The whole program, as a child: this test program plays it.
namespace torchkeep::simtee {
namespace {

/// A running `torchkeep-simtee serve`, once it says that it serves.
class Running {
 public:
  explicit Running(const Path& folder, std::vector<std::string> more = {})
      : ready_file_(folder / "ready"),
        child_(own_executable(), arguments(folder, std::move(more)), Child::Reads::Errors) {
    for (;;) {
      const auto line = child_.receive_line();
      if (!line) break;
      said += *line + "\n";
      if (line->find("programs find the machine") != std::string::npos) break;
    }
  }
  std::uint16_t pccs_port() const {
    const Bytes bytes = load_file(ready_file_, 4096).value();
    return json::parse(as_text(bytes)).value().at("pccs_port").get<std::uint16_t>();
  }
  int end(int signal) { return child_.end(signal); }
  int wait() { return child_.wait(); }
  std::string said;

 private:
  static std::vector<std::string> arguments(const Path& folder, std::vector<std::string> more) {
    std::vector<std::string> out{kPlaySimtee, "serve",           "--state",      folder / "state",
                                 "--socket",  folder / "socket", "--ready-file", folder / "ready"};
    if (more.empty()) more = {"--pccs", "127.0.0.1:0"};
    out.insert(out.end(), more.begin(), more.end());
    return out;
  }
  Path ready_file_;
  Child child_;
};

/// A call of torchkeep-simtee that ends by itself.
struct Called {
  int status;
  std::string said;
};
Called call(std::vector<std::string> arguments, Child::Reads reads = Child::Reads::Output) {
  arguments.insert(arguments.begin(), kPlaySimtee);
  Child child(own_executable(), std::move(arguments), reads);
  std::string said;
  while (const auto line = child.receive_line()) said += *line + "\n";
  return {child.wait(), said};
}

Path make_program(const testing::TemporaryFolder& folder) {
  const Path program = folder / "worker";
  std::filesystem::copy_file(own_executable(), program);
  EXPECT_EQ(call({"sign", program, "--key", folder / "key.pem", "--isv-prod-id", "0x5403",
                  "--isv-svn", "1"})
                .status,
            0);
  return program;
}

TEST(Serve, SaysFirstThatThePlatformIsSimulatedAndEndsCleanly) {
  const testing::TemporaryFolder folder;
  Running machine(folder.path());
  EXPECT_NE(machine.said.substr(0, machine.said.find('\n')).find("SIMULATED"), std::string::npos)
      << machine.said;
  EXPECT_TRUE(std::filesystem::exists(folder / "socket"));
  EXPECT_EQ(machine.end(SIGTERM), 0);
  EXPECT_FALSE(std::filesystem::exists(folder / "socket"));
  EXPECT_FALSE(std::filesystem::exists(folder / "ready"));
}

TEST(Serve, IsTheSameMachineAfterItWasKilled) {
  const testing::TemporaryFolder folder;
  const Path path = make_program(folder);
  Child program(path, {kPlayProgram, (folder / "socket").string()});
  std::string key;
  Bytes root;
  {
    Running machine(folder.path());
    key = ask(program, "key kek").text;
    root = load_file(folder / "state/root.pem", 4096).value();
    EXPECT_EQ(machine.end(SIGKILL), -SIGKILL);
  }
  EXPECT_EQ(ask(program, "hello").code, "Unavailable");
  Running again(folder.path());
  const Answer answer = ask(program, "key kek");
  EXPECT_EQ(answer.code, "ok") << answer.text;
  EXPECT_EQ(answer.text, key);
  EXPECT_EQ(load_file(folder / "state/root.pem", 4096).value(), root);
}

TEST(Serve, VouchesForAProgramToWhoeverAsksItsPccs) {
  const testing::TemporaryFolder folder;
  Running machine(folder.path());
  Child program(make_program(folder), {kPlayProgram, (folder / "socket").string()});
  const Answer answer = ask(program, "quote");
  ASSERT_EQ(answer.code, "ok") << answer.text;
  const Bytes quote = decode_hex(answer.text).value();

  const SystemClock clock;
  const auto pccs =
      channel::PccsClient::create({false, "127.0.0.1", machine.pccs_port(), ""}, {}).value();
  testing::Reactor reactor;
  const auto collateral = reactor.await(pccs->fetch(attest::find_collateral_key(quote).value(),
                                                      channel::PccsClient::Attempts::One));
  ASSERT_TRUE(collateral.ok()) << collateral.error();
  const auto root =
      crypto::parse_pem_chain(load_file(folder / "state/root.pem", 4096).value()).value();
  const attest::RootKey roots[] = {root.at(0).p256_point().value()};
  const auto claims = attest::verify_quote(quote, *collateral, roots, clock.now());
  ASSERT_TRUE(claims.ok()) << claims.error();
  EXPECT_EQ(claims->find_enclave()->mr_enclave, measure_file(folder / "worker").value());
}

TEST(Serve, RefusesASecondMachineInTheSamePlace) {
  const testing::TemporaryFolder folder;
  Running first(folder.path());
  Running second(folder.path());
  EXPECT_EQ(second.wait(), 4);
  EXPECT_NE(second.said.find("another torchkeep-simtee serves"), std::string::npos) << second.said;
  EXPECT_TRUE(std::filesystem::exists(folder / "ready")) << "the first one's";

  const testing::TemporaryFolder other;
  Running third(other.path(), {"--pccs", text("127.0.0.1:", first.pccs_port())});
  EXPECT_EQ(third.wait(), 4);
  EXPECT_NE(third.said.find("is in use"), std::string::npos) << third.said;
  EXPECT_EQ(first.end(SIGTERM), 0);
}

TEST(Commands, SignMeasureAndTellTheRoot) {
  const testing::TemporaryFolder folder;
  const Path program = make_program(folder);
  const Called measured = call({"measure", program, "--json"});
  EXPECT_EQ(measured.status, 0);
  const auto enclave = json::parse(measured.said).value();
  EXPECT_EQ(enclave.at("mr_enclave"), encode_hex(measure_file(program).value()));
  EXPECT_EQ(enclave.at("isv_prod_id"), 0x5403);
  EXPECT_EQ(enclave.at("isv_svn"), 1);
  EXPECT_EQ(enclave.at("debug"), false);

  Running machine(folder.path());
  const Called root = call({"--json", "root", "--state", folder / "state"});
  EXPECT_EQ(root.status, 0);
  EXPECT_EQ(json::parse(root.said).value().at("certificate"), (folder / "state/root.pem").string());
  EXPECT_EQ(call({"condition", "--state", folder / "state", "pck-revoked"}).status, 0);
  EXPECT_EQ(StateFolder(folder / "state").load_condition().value(),
            simulator::Condition::PckRevoked);
}

TEST(Commands, EndWithACodeAndOneLineThatSaysWhatToDo) {
  const testing::TemporaryFolder folder;
  const Path program = make_program(folder);
  store_file(folder / "changed", as_bytes("another program")).value();
  std::filesystem::copy_file(sigstruct_of(program), folder / "changed.sigstruct");
  struct Case {
    std::vector<std::string> arguments;
    int status;
    const char* says;
  };
  const Case cases[] = {
      {{"measure", folder / "changed"}, 1, "found MRENCLAVE"},
      {{"measure", folder / "none"}, 3, "none"},
      {{"measure", own_executable()}, 3, "torchkeep-simtee sign"},
      {{"measure", folder.path()}, 2, "regular file"},
      {{"sign", program, "--key", program, "--isv-prod-id", "1", "--isv-svn", "1"}, 2, "expected"},
      {{"sign", program, "--key", folder / "key.pem", "--isv-prod-id", "65536", "--isv-svn", "1"},
       2,
       "65536"},
      {{"sign", folder / "none", "--key", folder / "key.pem", "--isv-prod-id", "1", "--isv-svn",
        "1"},
       3,
       "none"},
      {{"root", "--state", folder / "none"}, 3, "serve"},
      {{"condition", "--state", folder / "none", "good"}, 3, "serve"},
      {{"condition", "--state", folder / "none", "fine"}, 2, "collateral-expired"},
      {{"serve", "--state", folder / "s", "--socket", folder / "t", "--pccs", "nowhere"},
       2,
       "--pccs"},
      {{"serve"}, 2, "--state"},
      {{}, 2, "a command is wanted"},
      {{"sing"}, 2, "sing"},
  };
  for (const Case& c : cases) {
    const Called called = call(c.arguments, Child::Reads::Errors);
    EXPECT_EQ(called.status, c.status) << called.said;
    EXPECT_NE(called.said.find(c.says), std::string::npos) << called.said;
  }
}

}  // namespace
}  // namespace torchkeep::simtee
