#include <gmock/gmock.h>

#include "torchkeep/base/process.h"
#include "torchkeep/service/service.h"

#include "tests/support/files.h"

namespace torchkeep::service {
namespace {

using ::testing::HasSubstr;

// Runs the command line as a program's main would; what it said on standard error comes too.
struct Outcome {
  int status;
  std::string told;
  Options options;
};

Outcome run_with(std::vector<std::string> words, const Result<void>& body = {}) {
  words.insert(words.begin(), "torchkeep-test");
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  CommandLine app{"A program", "torchkeep-test"};
  Outcome outcome;
  add_options(app, outcome.options, "torchkeep-test");
  ::testing::internal::CaptureStderr();
  outcome.status = run(app, static_cast<int>(arguments.size()), arguments.data(),
                       [&body]() -> Result<void> { return body; });
  outcome.told = ::testing::internal::GetCapturedStderr();
  return outcome;
}

const std::vector<std::string> kGood = {"--listen",       "127.0.0.1:0",     "--pccs",
                                        "127.0.0.1:8081", "--simtee-socket", "/run/simtee.sock"};

std::vector<std::string> good_and(std::vector<std::string> more) {
  more.insert(more.begin(), kGood.begin(), kGood.end());
  return more;
}

TEST(ServiceOptions, AreTakenFromTheCommandLine) {
  const Outcome outcome = run_with(good_and({"--max-connections", "7"}));
  EXPECT_EQ(outcome.status, 0) << outcome.told;
  EXPECT_EQ(outcome.options.listen, "127.0.0.1:0");
  EXPECT_EQ(outcome.options.max_connections, 7u);
}

TEST(ServiceOptions, AreTakenFromAFileAndTheCommandLineGoesFirst) {
  torchkeep::testing::TemporaryFolder folder;
  ASSERT_TRUE(
      store_file(folder / "c.conf", as_bytes("listen = \"127.0.0.1:9\"\nmax-connections = 5\n"))
          .ok());
  const Outcome outcome = run_with(good_and({"--config", (folder / "c.conf").string()}));
  EXPECT_EQ(outcome.status, 0) << outcome.told;
  EXPECT_EQ(outcome.options.listen, "127.0.0.1:0");
  EXPECT_EQ(outcome.options.max_connections, 5u);
}

TEST(ServiceOptions, RefuseAnUnknownFieldOfTheFileByName) {
  torchkeep::testing::TemporaryFolder folder;
  ASSERT_TRUE(store_file(folder / "c.conf", as_bytes("share-keys = true\n")).ok());
  const Outcome outcome = run_with(good_and({"--config", (folder / "c.conf").string()}));
  EXPECT_EQ(outcome.status, 2);
  EXPECT_THAT(outcome.told, HasSubstr("share-keys"));
}

TEST(ServiceOptions, RefuseAFileThatIsNotThere) {
  const Outcome outcome = run_with(good_and({"--config", "/nowhere/c.conf"}));
  EXPECT_EQ(outcome.status, 2);
  EXPECT_THAT(outcome.told, HasSubstr("/nowhere/c.conf"));
}

struct WrongCall {
  const char* name;
  std::vector<std::string> words;
  const char* told;
};

class WrongCalls : public ::testing::TestWithParam<WrongCall> {};

TEST_P(WrongCalls, AreToldInOneLine) {
  const Outcome outcome = run_with(GetParam().words);
  EXPECT_EQ(outcome.status, 2);
  EXPECT_THAT(outcome.told, HasSubstr(GetParam().told));
  EXPECT_EQ(std::ranges::count(outcome.told, '\n'), 1) << outcome.told;
}

INSTANTIATE_TEST_SUITE_P(
    Service, WrongCalls,
    ::testing::Values(WrongCall{"NothingGiven", {}, "--listen"},
                      WrongCall{"UnknownOption", good_and({"--fast"}), "--fast"},
                      WrongCall{"NoConnections", good_and({"--max-connections", "0"}),
                                "max-connections"},
                      WrongCall{"AWord", good_and({"please"}), "please"}),
    [](const auto& tested) { return std::string(tested.param.name); });

TEST(ServiceRun, EndsAsTheErrorsCodeSays) {
  const Outcome outcome = run_with(kGood, unavailable("port 1 is in use"));
  EXPECT_EQ(outcome.status, exit_code(ErrorCode::Unavailable));
  EXPECT_THAT(outcome.told, HasSubstr("Unavailable: port 1 is in use"));
}

TEST(ServiceOpen, NeedsAPlatform) {
  Options options;
  options.listen = "127.0.0.1:0";
  options.pccs = "127.0.0.1:1";
  options.simtee_socket = "/nowhere/simtee.sock";
  options.root = std::string(TORCHKEEP_TESTS_FOLDER) + "/service/no-root.pem";
  const auto service = Service::open(options, tee::Role::KeyCache, "torchkeep-test");
  ASSERT_FALSE(service.ok());
  EXPECT_EQ(service.error().code, ErrorCode::NotFound);
  EXPECT_THAT(service.error().message, HasSubstr("--root"));
}

}  // namespace
}  // namespace torchkeep::service
