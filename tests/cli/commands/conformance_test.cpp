#include <gmock/gmock.h>

#include "torchkeep/cli/tensor_file.h"
#include "torchkeep/json/json.h"

#include "tests/cli/commands/invoke.h"
#include "tests/support/files.h"

namespace torchkeep::cli {
namespace {

using ::testing::HasSubstr;
using testing::invoke;

const Path kCases = Path(TORCHKEEP_TESTS_FOLDER) / "runtime/vectors/onnx";

TEST(ConformanceCommand, NamesEachCaseByItsFolder) {
  const auto said =
      invoke(add_conformance, {"conformance", (kCases / "test_add").string(),
                               (kCases / "test_training_dropout").string(), "--json"});
  EXPECT_EQ(said.status, 0) << said.error;
  const auto told = json::parse(said.output).value();
  EXPECT_EQ(told["passed"], json::Json({"test_add"}));
  EXPECT_EQ(told["failed"], json::Json::array());
}

TEST(ConformanceCommand, AFailedCaseIsToldByTheExitCode) {
  ::torchkeep::testing::TemporaryFolder folder;
  std::filesystem::copy(kCases / "test_add", folder / "test_add",
                        std::filesystem::copy_options::recursive);
  const Path output = folder / "test_add/test_data_set_0/output_0.pb";
  auto wanted = load_tensor(output).value();
  wanted.elements<float>()[0] += 1;
  ASSERT_TRUE(store_tensor(output, "sum", wanted).ok());
  const auto said = invoke(add_conformance, {"conformance", folder.path().string()});
  EXPECT_EQ(said.status, 1);
  EXPECT_THAT(said.output, HasSubstr("FAILED  test_add"));
}

TEST(ConformanceCommand, RefusesAWrongCall) {
  EXPECT_EQ(invoke(add_conformance, {"conformance"}).status, 2);
  EXPECT_EQ(invoke(add_conformance, {"conformance", "/nowhere"}).status, 2);
  EXPECT_EQ(invoke(add_conformance, {"conformance", kCases.string(), "--threads", "0"}).status, 2);
}

}  // namespace
}  // namespace torchkeep::cli
