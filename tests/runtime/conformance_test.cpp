// ONNX's own cases for the operators that the engine has, and PyTorch's answers for networks that
// it exported and single operators: vectors/onnx, vectors/pytorch, vectors/operators, see
// vectors/SOURCES.md.
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <map>

#include <gtest/gtest.h>

#include "torchkeep/runtime/graph/onnx_tensor.h"
#include "torchkeep/runtime/model.h"

#include "tests/support/files.h"

namespace torchkeep::runtime {
namespace {

const Path kVectors = Path(TORCHKEEP_TESTS_FOLDER) / "runtime/vectors";
const Path kFolder = kVectors / "onnx";

/// What is refused, and the words that say why. Everything else must pass: a wrong answer is worse
/// than a refusal.
const std::map<std::string, std::string, std::less<>> kRefused = {
    {"test_batchnorm_epsilon_training_mode", "training mode"},
    {"test_batchnorm_example_training_mode", "training mode"},
    {"test_training_dropout", "training mode"},
    {"test_training_dropout_default", "training mode"},
    {"test_training_dropout_default_mask", "training mode"},
    {"test_training_dropout_mask", "training mode"},
    {"test_training_dropout_zero_ratio", "training mode"},
    {"test_training_dropout_zero_ratio_mask", "training mode"},
};

std::vector<std::string> case_names(const Path& folder) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.is_directory()) names.push_back(entry.path().filename());
  }
  std::ranges::sort(names);
  return names;
}

Tensor load_tensor(const Path& path) {
  const Bytes message = load_file(path, std::size_t{64} << 20).value();
  const onnx::TensorProto proto = onnx::parse_tensor(message).value();
  Tensor tensor = Tensor::uninitialised(proto.dtype, proto.shape).value();
  onnx::copy_elements(proto, tensor.data).value();
  return tensor;
}

std::vector<Tensor> load_tensors(const Path& folder, std::string_view kind) {
  std::vector<Tensor> tensors;
  for (int i = 0;; ++i) {
    const Path path = folder / text(kind, "_", i, ".pb");
    if (!std::filesystem::exists(path)) return tensors;
    tensors.push_back(load_tensor(path));
  }
}

/// How far an answer may be off, besides a thousandth of itself. Sums of many products that cancel
/// out are near zero without being near in proportion.
constexpr double kStandard = 1e-7, kNetwork = 2e-5;

template <typename T>
void expect_close(const Tensor& found, const Tensor& wanted, double absolute) {
  const auto left = found.elements<T>(), right = wanted.elements<T>();
  for (std::size_t i = 0; i < right.size(); ++i) {
    const auto value = static_cast<double>(left[i]), goal = static_cast<double>(right[i]);
    if (value == goal || (std::isnan(value) && std::isnan(goal))) continue;
    ASSERT_LE(std::abs(value - goal), absolute + 1e-3 * std::abs(goal))
        << "element " << i << ": " << value << ", wanted " << goal;
  }
}

void expect_same(const Tensor& found, const Tensor& wanted, double absolute = kStandard) {
  ASSERT_EQ(found.dtype, wanted.dtype);
  ASSERT_EQ(found.shape, wanted.shape);
  switch (wanted.dtype) {
    case DataType::Float32: return expect_close<float>(found, wanted, absolute);
    case DataType::Float64: return expect_close<double>(found, wanted, absolute);
    default: ASSERT_TRUE(std::ranges::equal(found.data, wanted.data));
  }
}

class Conformance : public ::testing::TestWithParam<std::string> {};

TEST_P(Conformance, AnswersAsTheStandardSaysOrRefuses) {
  const Path folder = kFolder / GetParam();
  const auto refused = kRefused.find(GetParam());
  const auto model = Model::load_onnx(folder / "model.onnx", {.threads = 2});
  if (refused != kRefused.end()) {
    ASSERT_FALSE(model.ok()) << "no longer refused: take it off the list";
    EXPECT_NE(model.error().message.find(refused->second), std::string::npos) << model.error();
    return;
  }
  ASSERT_TRUE(model.ok()) << model.error();
  const Path data = folder / "test_data_set_0";
  const auto outputs = (*model)->run(load_tensors(data, "input"));
  ASSERT_TRUE(outputs.ok()) << outputs.error();
  const std::vector<Tensor> wanted = load_tensors(data, "output");
  ASSERT_EQ(outputs->size(), wanted.size());
  for (std::size_t i = 0; i < wanted.size(); ++i) expect_same((*outputs)[i], wanted[i]);
}

INSTANTIATE_TEST_SUITE_P(Onnx, Conformance, ::testing::ValuesIn(case_names(kFolder)),
                         [](const auto& each) { return each.param; });

class Operators : public ::testing::TestWithParam<std::string> {};

TEST_P(Operators, AnswerAsInPyTorch) {
  const Path folder = kVectors / "operators" / GetParam(), data = folder / "test_data_set_0";
  const auto model = Model::load_onnx(folder / "model.onnx", {.threads = 2});
  ASSERT_TRUE(model.ok()) << model.error();
  const auto outputs = (*model)->run(load_tensors(data, "input"));
  ASSERT_TRUE(outputs.ok()) << outputs.error();
  const std::vector<Tensor> wanted = load_tensors(data, "output");
  ASSERT_EQ(outputs->size(), wanted.size());
  for (std::size_t i = 0; i < wanted.size(); ++i) expect_same((*outputs)[i], wanted[i], kNetwork);
}

INSTANTIATE_TEST_SUITE_P(PyTorch, Operators,
                         ::testing::ValuesIn(case_names(kVectors / "operators")),
                         [](const auto& each) { return each.param; });

class Networks : public ::testing::TestWithParam<std::string> {};

// Twice each, so that plans of other shapes stand beside those that are used again.
TEST_P(Networks, AnswerAsInPyTorchForEveryBatchAndLength) {
  const Path folder = kVectors / "pytorch" / GetParam();
  const auto model = Model::load_onnx(folder / "model.onnx", {.threads = 2});
  ASSERT_TRUE(model.ok()) << model.error();
  for (const int set : {0, 1, 0, 1}) {
    const Path data = folder / text("test_data_set_", set);
    const auto outputs = (*model)->run(load_tensors(data, "input"));
    ASSERT_TRUE(outputs.ok()) << outputs.error();
    const std::vector<Tensor> wanted = load_tensors(data, "output");
    ASSERT_EQ(outputs->size(), wanted.size());
    for (std::size_t i = 0; i < wanted.size(); ++i) expect_same((*outputs)[i], wanted[i], kNetwork);
  }
}

INSTANTIATE_TEST_SUITE_P(PyTorch, Networks, ::testing::ValuesIn(case_names(kVectors / "pytorch")),
                         [](const auto& each) { return each.param; });

TEST(Conformance, TheListOfRefusalsNamesOnlyCasesThatExist) {
  for (const auto& [name, why] : kRefused)
    EXPECT_TRUE(std::filesystem::exists(kFolder / name)) << name;
}

}  // namespace
}  // namespace torchkeep::runtime
