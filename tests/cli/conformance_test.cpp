#include "torchkeep/cli/conformance.h"

#include <fstream>

#include <gmock/gmock.h>

#include "torchkeep/cli/tensor_file.h"

#include "tests/support/files.h"

namespace torchkeep::cli {
namespace {

using ::testing::HasSubstr;
namespace filesystem = std::filesystem;

const Path kCases = Path(TORCHKEEP_TESTS_FOLDER) / "runtime/vectors/onnx";

class Conformance : public ::testing::Test {
 protected:
  /// A copy of one of ONNX's cases, to be spoilt.
  Path copy(const char* name) {
    filesystem::copy(kCases / name, folder_ / name, filesystem::copy_options::recursive);
    return folder_ / name;
  }
  void spoil(const Path& file, std::string_view with) {
    std::ofstream(file, std::ios::binary) << with;
  }

  testing::TemporaryFolder folder_;
};

TEST_F(Conformance, FindsCasesAtAnyDepthInOrder) {
  filesystem::create_directories(folder_ / "a/b");
  copy("test_relu");
  filesystem::rename(folder_ / "test_relu", folder_ / "a/b/test_relu");
  copy("test_add");
  const auto cases = find_cases(folder_.path());
  ASSERT_TRUE(cases.ok()) << cases.error();
  EXPECT_THAT(*cases, ::testing::ElementsAre(folder_ / "a/b/test_relu", folder_ / "test_add"));
  EXPECT_EQ(find_cases(folder_ / "test_add/").value().front().filename(), "test_add");
}

TEST_F(Conformance, FoldersWithoutCasesAreAWrongCall) {
  EXPECT_EQ(find_cases(folder_.path()).error().code, ErrorCode::InvalidArgument);
  EXPECT_EQ(find_cases(folder_ / "absent").error().code, ErrorCode::InvalidArgument);
  filesystem::remove_all(copy("test_add") / "test_data_set_0");
  EXPECT_FALSE(find_cases(folder_.path()).ok());
}

TEST_F(Conformance, ARightAnswerPasses) {
  const Outcome outcome = run_case_isolated(kCases / "test_add", 1);
  EXPECT_EQ(outcome.kind, Outcome::Kind::Passed) << outcome.reason;
}

TEST_F(Conformance, AWrongAnswerFails) {
  const Path output = copy("test_add") / "test_data_set_0/output_0.pb";
  auto wanted = load_tensor(output).value();
  wanted.elements<float>()[7] += 1;
  ASSERT_TRUE(store_tensor(output, "sum", wanted).ok());
  const Outcome outcome = run_case_isolated(folder_ / "test_add", 1);
  EXPECT_EQ(outcome.kind, Outcome::Kind::Failed);
  EXPECT_THAT(outcome.reason, HasSubstr("1 of 60 elements differ"));
}

TEST_F(Conformance, AnAnswerThatIsMissingFails) {
  filesystem::remove(copy("test_add") / "test_data_set_0/output_0.pb");
  EXPECT_EQ(run_case_isolated(folder_ / "test_add", 1).kind, Outcome::Kind::Failed);
}

TEST_F(Conformance, AnInputThatIsMissingFails) {
  filesystem::remove(copy("test_add") / "test_data_set_0/input_1.pb");
  const Outcome outcome = run_case_isolated(folder_ / "test_add", 1);
  EXPECT_EQ(outcome.kind, Outcome::Kind::Failed);
  EXPECT_THAT(outcome.reason, HasSubstr("1 inputs"));
}

TEST_F(Conformance, AllDataSetsAreRun) {
  const Path folder = copy("test_relu");
  filesystem::copy(folder / "test_data_set_0", folder / "test_data_set_1",
                   filesystem::copy_options::recursive);
  EXPECT_EQ(run_case_isolated(folder, 1).kind, Outcome::Kind::Passed);
  filesystem::copy_file(folder / "test_data_set_1/input_0.pb",
                        folder / "test_data_set_1/output_0.pb",
                        filesystem::copy_options::overwrite_existing);
  const Outcome outcome = run_case_isolated(folder, 1);
  EXPECT_EQ(outcome.kind, Outcome::Kind::Failed);
  EXPECT_THAT(outcome.reason, HasSubstr("test_data_set_1"));
}

TEST_F(Conformance, AnUnknownOperatorIsRefusedByName) {
  const Path model = copy("test_relu") / "model.onnx";
  std::ifstream in(model, std::ios::binary);
  std::string bytes((std::istreambuf_iterator<char>(in)), {});
  bytes.replace(bytes.find("Relu"), 4, "Rely");
  spoil(model, bytes);
  const Outcome outcome = run_case_isolated(folder_ / "test_relu", 1);
  EXPECT_EQ(outcome.kind, Outcome::Kind::Refused);
  EXPECT_EQ(outcome.operator_name, "Rely");
  EXPECT_THAT(outcome.reason, HasSubstr("not supported"));
}

TEST_F(Conformance, AModelThatIsNoneIsRefusedWithTheReason) {
  spoil(copy("test_relu") / "model.onnx", "\xff\xff\xff");
  const Outcome outcome = run_case_isolated(folder_ / "test_relu", 1);
  EXPECT_EQ(outcome.kind, Outcome::Kind::Refused);
  EXPECT_EQ(outcome.operator_name, outcome.reason);
  EXPECT_THAT(outcome.reason, HasSubstr("no ONNX model"));
}

}  // namespace
}  // namespace torchkeep::cli
