#include "torchkeep/base/command_line.h"

#include <gmock/gmock.h>

#include "torchkeep/base/file.h"

#include "tests/support/files.h"

namespace torchkeep {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

// A program as ours are: options of its own, one command, one group of commands.
struct Program {
  CommandLine line{"Packs things.", "pack"};
  std::string listen = "nowhere";
  Path out;
  std::vector<std::string> inputs;
  int threads = 2;
  bool json = false;
  bool by_hand = false;
  std::string word, called;

  Program() {
    line.allow_options_anywhere();
    line.take_config_file();
    line.version("pack 7");
    line.require_command();
    line.add_flag("--json", json, "As JSON");
    line.add_option("--listen", listen, "Where to serve").from_environment("PACK_TEST_LISTEN");
    const Command box = line.add_command("box", "Into a box");
    box.footer("Example: pack box -o FILE");
    box.add_option("-o,--output", out, "The file").required().type_name("FILE");
    box.add_option("-i,--input", inputs, "What goes in");
    box.add_option("--threads", threads, "That it may use").within(1, 8).show_default();
    const CommandOption hand = box.add_flag("--by-hand", by_hand, "Slowly");
    box.add_option("--word", word, "To say").one_of({"please", "now"}).needs(hand);
    box.callback([this] { called = "box"; });
    const Command bags = line.add_command("bags", "Of bags");
    bags.require_command();
    bags.add_command("count", "How many").callback([this] { called = "bags count"; });
    bags.add_command("burn", "All").callback([this] { called = "bags burn"; });
  }
};

struct Said {
  Result<bool> called;
  std::string output;
};

Said say(Program& program, const std::vector<std::string>& arguments) {
  ::testing::internal::CaptureStdout();
  Result<bool> called = program.line.parse(arguments);
  return {std::move(called), ::testing::internal::GetCapturedStdout()};
}

TEST(CommandLine, FillsTargetsAndCallsTheCommand) {
  Program program;
  const Said said =
      say(program, {"box", "-o", "a.box", "-i", "hat", "-i", "shoe", "--threads", "8", "--json"});
  ASSERT_TRUE(said.called.ok()) << said.called.error();
  EXPECT_TRUE(*said.called);
  EXPECT_EQ(program.called, "box");
  EXPECT_EQ(program.out, "a.box");
  EXPECT_EQ(program.inputs, (std::vector<std::string>{"hat", "shoe"}));
  EXPECT_EQ(program.threads, 8);
  EXPECT_TRUE(program.json);
  EXPECT_EQ(program.listen, "nowhere");
}

TEST(CommandLine, CallsACommandOfAGroup) {
  Program program;
  ASSERT_TRUE(say(program, {"bags", "burn"}).called.ok());
  EXPECT_EQ(program.called, "bags burn");
}

TEST(CommandLine, AnswersHelpAndVersionAndCallsNothing) {
  for (const auto& [arguments, told] :
       std::vector<std::pair<std::vector<std::string>, std::string>>{
           {{"--version"}, "pack 7"},
           {{"--help"}, "Packs things."},
           {{"box", "--help"}, "Example: pack box"}}) {
    Program program;
    const Said said = say(program, arguments);
    ASSERT_TRUE(said.called.ok()) << said.called.error();
    EXPECT_FALSE(*said.called);
    EXPECT_THAT(said.output, HasSubstr(told));
    EXPECT_EQ(program.called, "");
  }
}

TEST(CommandLine, HelpShowsDefaultsAndRanges) {
  Program program;
  EXPECT_THAT(say(program, {"box", "--help"}).output,
              AllOf(HasSubstr("FILE"), HasSubstr("[1 - 8]"), HasSubstr("=2")));
}

TEST(CommandLine, TakesWhatIsNotGivenFromTheEnvironment) {
  ASSERT_EQ(::setenv("PACK_TEST_LISTEN", "here:1", 1), 0);
  Program taken;
  ASSERT_TRUE(say(taken, {"bags", "count"}).called.ok());
  EXPECT_EQ(taken.listen, "here:1");
  Program given;
  ASSERT_TRUE(say(given, {"bags", "count", "--listen", "there:2"}).called.ok());
  EXPECT_EQ(given.listen, "there:2");
  ::unsetenv("PACK_TEST_LISTEN");
}

struct WrongLine {
  const char* name;
  std::vector<std::string> arguments;
  const char* told;
};

class WrongLines : public ::testing::TestWithParam<WrongLine> {};

TEST_P(WrongLines, AreRefusedByNameAndCallNothing) {
  Program program;
  const Said said = say(program, GetParam().arguments);
  ASSERT_FALSE(said.called.ok());
  EXPECT_EQ(said.called.error().code, ErrorCode::InvalidArgument);
  EXPECT_THAT(said.called.error().message,
              AllOf(HasSubstr(GetParam().told), HasSubstr("; see pack --help")));
  EXPECT_EQ(program.called, "");
  EXPECT_EQ(said.output, "");
}

INSTANTIATE_TEST_SUITE_P(
    CommandLine, WrongLines,
    ::testing::Values(
        WrongLine{"NoCommand", {}, "a command is wanted: box, bags"},
        WrongLine{"AMisspeltCommand", {"bax"}, "bax"},
        WrongLine{"NoCommandOfAGroup", {"bags"}, "a command is wanted: count, burn"},
        WrongLine{"AMisspeltCommandOfAGroup", {"bags", "cuont"}, "cuont"},
        WrongLine{"ARequiredOptionIsMissing", {"box"}, "--output"},
        WrongLine{"NoValue", {"box", "-o"}, "--output"},
        WrongLine{"AnUnknownOption", {"box", "-o", "a", "--fast"}, "--fast"},
        WrongLine{"TooLow", {"box", "-o", "a", "--threads", "0"}, "--threads"},
        WrongLine{"TooHigh", {"box", "-o", "a", "--threads", "9"}, "--threads"},
        WrongLine{"NoNumber", {"box", "-o", "a", "--threads", "two"}, "--threads"},
        WrongLine{"AnotherWord", {"box", "-o", "a", "--by-hand", "--word", "never"}, "--word"},
        WrongLine{"WithoutWhatItNeeds", {"box", "-o", "a", "--word", "now"}, "--by-hand"},
        WrongLine{"TwoWhereOneGoes", {"box", "-o", "a", "-o", "b"}, "--output"}),
    [](const auto& tested) { return std::string(tested.param.name); });

TEST(CommandLine, RefusesAConfigurationFileWithAnUnknownField) {
  testing::TemporaryFolder folder;
  ASSERT_TRUE(store_file(folder / "c.conf", as_bytes("listen = \"x:1\"\ncolour = \"red\"\n")).ok());
  Program program;
  const Said said = say(program, {"--config", (folder / "c.conf").string(), "bags", "count"});
  ASSERT_FALSE(said.called.ok());
  EXPECT_THAT(said.called.error().message, HasSubstr("colour"));
}

TEST(CommandLine, OptionsThatExcludeEachOtherAreRefusedTogether) {
  CommandLine line("Chooses.", "choose");
  std::string left, right;
  const CommandOption one = line.add_option("--left", left, "One");
  line.add_option("--right", right, "The other").excludes(one);
  const Result<bool> both = line.parse({"--left", "a", "--right", "b"});
  ASSERT_FALSE(both.ok());
  EXPECT_THAT(both.error().message, AllOf(HasSubstr("--left"), HasSubstr("--right")));
}

}  // namespace
}  // namespace torchkeep
