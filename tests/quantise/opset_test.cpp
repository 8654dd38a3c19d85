#include "torchkeep/quantise/opset.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/quantise/model_file.h"

namespace torchkeep::quantise {
namespace {

using ::testing::HasSubstr;
using namespace testing;

/// One node of x [2, 4, 6], with its attributes.
struct Case {
  const char* name;
  const char* op;
  std::vector<Message> attributes;
  std::int64_t from, to;
  std::size_t outputs = 1;
  std::vector<std::string> more_inputs = {};
};

void store_case(const Case& wanted, const Path& path) {
  ModelFile file;
  file.input("x", {2, 4, 6});
  std::vector<std::string> inputs{"x"}, outputs;
  inputs.insert(inputs.end(), wanted.more_inputs.begin(), wanted.more_inputs.end());
  for (std::size_t i = 0; i < wanted.outputs; ++i) outputs.push_back(text("y", i));
  for (const std::string& output : outputs) file.output(output, {-1, -1, -1});
  file.add(node(wanted.op, inputs, outputs, wanted.attributes));
  file.store(path, wanted.from);
}

class Rewritten : public ::testing::TestWithParam<Case> {};
TEST_P(Rewritten, AnswersAsBefore) {
  const TemporaryFolder folder;
  store_case(GetParam(), folder / "m.onnx");
  const Source source = Source::open(folder / "m.onnx").value();
  Draft draft(source);
  const auto rewritten = raise_opset(draft, GetParam().to);
  ASSERT_TRUE(rewritten.ok()) << rewritten.error();
  EXPECT_EQ(rewritten->at(GetParam().op), 1U);
  ASSERT_TRUE(store(draft, folder / "o.onnx").ok());
  const auto before = runtime::Model::load_onnx(folder / "m.onnx"),
             after = runtime::Model::load_onnx(folder / "o.onnx");
  ASSERT_TRUE(before.ok()) << before.error();
  ASSERT_TRUE(after.ok()) << after.error();
  std::mt19937 random(1);
  const std::vector<Tensor> inputs = one(random_tensor({2, 4, 6}, random));
  const auto left = (*before)->run(inputs).value(), right = (*after)->run(inputs).value();
  for (std::size_t i = 0; i < left.size(); ++i) {
    EXPECT_EQ(left[i].shape, right[i].shape);
    EXPECT_EQ(left[i].data, right[i].data);
  }
}
INSTANTIATE_TEST_SUITE_P(
    Opset, Rewritten,
    ::testing::Values(Case{"ReduceMean", "ReduceMean", {ints_attribute("axes", {-1})}, 17, 21},
                      Case{"ReduceL2", "ReduceL2", {ints_attribute("axes", {0, 2})}, 13, 18},
                      Case{"ReduceMaxFromOld", "ReduceMax", {ints_attribute("axes", {1})}, 11, 21},
                      Case{"ReduceSum", "ReduceSum", {ints_attribute("axes", {1})}, 11, 13},
                      Case{"ReduceSumToNewest", "ReduceSum", {ints_attribute("axes", {1})}, 12, 21},
                      Case{"SplitBySizes",
                           "Split",
                           {ints_attribute("split", {1, 3}), int_attribute("axis", 1)},
                           11,
                           13,
                           2},
                      Case{"SplitInEqualParts", "Split", {int_attribute("axis", 2)}, 17, 21, 3}),
    [](const auto& each) { return each.param.name; });

class RefusedOperators : public ::testing::TestWithParam<Case> {};
TEST_P(RefusedOperators, AreNamed) {
  const TemporaryFolder folder;
  store_case(GetParam(), folder / "m.onnx");
  const Source source = Source::open(folder / "m.onnx").value();
  Draft draft(source);
  const auto rewritten = raise_opset(draft, GetParam().to);
  ASSERT_FALSE(rewritten.ok());
  EXPECT_EQ(rewritten.error().code, ErrorCode::InvalidArgument);
  EXPECT_THAT(rewritten.error().message, HasSubstr(text("operator ", GetParam().op)));
  EXPECT_THAT(rewritten.error().message, HasSubstr("export the model"));
}
INSTANTIATE_TEST_SUITE_P(
    Opset, RefusedOperators,
    ::testing::Values(
        Case{"SoftmaxOfSeveralAxes", "Softmax", {int_attribute("axis", 1)}, 12, 13},
        Case{"SoftmaxOfTheOldDefault", "LogSoftmax", {}, 11, 13},
        Case{"Hardmax", "Hardmax", {}, 12, 21},
        Case{"DropoutWithARatio", "Dropout", {float_attribute("ratio", 0.5F)}, 11, 13},
        Case{"RoiAlign", "RoiAlign", {}, 15, 21, 1, {"x", "x"}},
        Case{"GridSample", "GridSample", {}, 17, 21, 1, {"x"}},
        Case{"GroupNormalization", "GroupNormalization", {}, 18, 21, 1, {"x", "x"}},
        Case{"AveragePoolByCeiling", "AveragePool", {int_attribute("ceil_mode", 1)}, 17, 21},
        Case{"BatchNormalizationInTraining", "BatchNormalization", {}, 13, 21, 3, {"x", "x"}}),
    [](const auto& each) { return each.param.name; });

TEST(Opset, WhatDidNotChangeStays) {
  for (const Case& wanted :
       {Case{"", "Softmax", {int_attribute("axis", -1)}, 12, 21}, Case{"", "Relu", {}, 11, 21},
        Case{"", "ReduceMean", {}, 13, 21}, Case{"", "Softmax", {}, 13, 21},
        Case{"", "GridSample", {}, 20, 21, 1, {"x"}}}) {
    const TemporaryFolder folder;
    store_case(wanted, folder / "m.onnx");
    const Source source = Source::open(folder / "m.onnx").value();
    Draft draft(source);
    const auto rewritten = raise_opset(draft, wanted.to);
    ASSERT_TRUE(rewritten.ok()) << rewritten.error();
    EXPECT_TRUE(rewritten->empty()) << wanted.op;
    EXPECT_EQ(draft.opset(), wanted.to);
  }
}

TEST(Opset, IsNeverLowered) {
  const TemporaryFolder folder;
  store_case({"", "Relu", {}, 20, 0}, folder / "m.onnx");
  const Source source = Source::open(folder / "m.onnx").value();
  Draft draft(source);
  ASSERT_TRUE(raise_opset(draft, 13).ok());
  EXPECT_EQ(draft.opset(), 20);
}

TEST(Opset, ThatIsTooOldIsRefused) {
  const TemporaryFolder folder;
  store_case({"", "Relu", {}, 9, 0}, folder / "m.onnx");
  const Source source = Source::open(folder / "m.onnx").value();
  Draft draft(source);
  EXPECT_THAT(raise_opset(draft, 13).error().message, HasSubstr("operator set 9, wanted is 13"));
}

TEST(Opset, BodiesAreNotRewritten) {
  const TemporaryFolder folder;
  const auto body = [] {
    return Message()
        .message(1, node("ReduceMean", {"x"}, {"inner"}, {ints_attribute("axes", {1})}))
        .message(12, port("inner", {-1, -1, -1}));
  };
  const auto branch = [&](std::string_view name) {
    return Message().text(1, name).message(6, body()).number(20, 5);
  };
  ModelFile()
      .input("x", {2, 4, 6})
      .input("c", {}, DataType::Bool)
      .output("y", {-1, -1, -1})
      .add(node("If", {"c"}, {"y"}, {branch("then_branch"), branch("else_branch")}))
      .store(folder / "m.onnx");
  const Source source = Source::open(folder / "m.onnx").value();
  Draft draft(source);
  EXPECT_THAT(raise_opset(draft, 21).error().message,
              HasSubstr("operator ReduceMean (node /ReduceMean) within the body"));
}

}  // namespace
}  // namespace torchkeep::quantise
