#include <gmock/gmock.h>

#include "torchkeep/cli/compare.h"
#include "torchkeep/cli/tensor_file.h"
#include "torchkeep/json/json.h"

#include "tests/cli/commands/invoke.h"
#include "tests/support/files.h"

namespace torchkeep::cli {
namespace {

using ::testing::HasSubstr;
using testing::Said;

const Path kCase = Path(TORCHKEEP_TESTS_FOLDER) / "runtime/vectors/onnx/test_add";

class Run : public ::testing::Test {
 protected:
  Said run(std::vector<std::string> arguments, const Path& model = kCase / "model.onnx") {
    arguments.insert(arguments.begin(), {"run", model.string()});
    return testing::invoke(add_run, std::move(arguments));
  }
  std::vector<std::string> both() const {
    const Path data = kCase / "test_data_set_0";
    return {"-i", "x=" + (data / "input_0.pb").string(),
            "-i", "y=" + (data / "input_1.pb").string(),
            "-o", (folder_ / "answer").string()};
  }
  ::torchkeep::testing::TemporaryFolder folder_;
};

TEST_F(Run, StoresAnswersAsNumpyOrAsOnnxHasThem) {
  for (const char* format : {"npy", "pb"}) {
    std::vector<std::string> arguments = both();
    arguments.insert(arguments.end(), {"--format", format});
    const Said said = run(arguments);
    ASSERT_EQ(said.status, 0) << said.error;
    const auto found = load_tensor(folder_ / "answer" / (std::string("sum.") + format));
    ASSERT_TRUE(found.ok()) << found.error();
    EXPECT_FALSE(
        find_difference(*found, load_tensor(kCase / "test_data_set_0/output_0.pb").value()));
  }
}

TEST_F(Run, TellsScriptsWhatItStored) {
  std::vector<std::string> arguments = both();
  arguments.push_back("--json");
  const auto told = json::parse(run(arguments).output);
  ASSERT_TRUE(told.ok()) << told.error();
  EXPECT_EQ((*told)["outputs"][0]["name"], "sum");
  EXPECT_EQ((*told)["outputs"][0]["shape"], (std::vector<int>{3, 4, 5}));
}

TEST_F(Run, RefusesAWrongCall) {
  EXPECT_EQ(run({}).status, 2);
  std::vector<std::string> missing = both();
  missing.erase(missing.begin(), missing.begin() + 2);
  EXPECT_EQ(run(missing).status, 2);
  EXPECT_THAT(run(missing).error, HasSubstr("\"x\" is missing"));
  std::vector<std::string> format = both();
  format.insert(format.end(), {"--format", "pt"});
  EXPECT_EQ(run(format).status, 2);
  EXPECT_EQ(run(both(), "absent.onnx").status, 3);
}

TEST_F(Run, AnAnswerThatCannotBeStoredIsAnError) {
  ASSERT_TRUE(store_file(folder_ / "answer", as_bytes("a file")).ok());
  EXPECT_EQ(run(both()).status, 4);
}

}  // namespace
}  // namespace torchkeep::cli
