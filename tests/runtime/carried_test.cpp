// State that goes from one run to the next: what is taken back, what it may take, which links hold.
#include "torchkeep/runtime/carried.h"

#include <gtest/gtest.h>

#include "tests/runtime/decoder.h"

namespace torchkeep::runtime::testing {
namespace {

/// A state after one run of three rows.
struct Started {
  Started() : model(load(decoder({"Started"})).value()) {
    std::vector<Tensor> inputs = rows(3);
    for (int i = 0; i < 2; ++i) inputs.push_back(random_tensor({1, 4, 0, 16}, random));
    EXPECT_TRUE(model->run(std::move(inputs), state));
    state.accept();
  }
  std::vector<Tensor> rows(std::int64_t count, std::int64_t width = 16) {
    std::vector<Tensor> inputs;
    inputs.push_back(random_tensor({1, 4, count, width}, random));
    return inputs;
  }
  Result<std::vector<Tensor>> step(std::int64_t count, std::int64_t width = 16) {
    std::vector<Tensor> inputs = rows(count, width);
    inputs.resize(3);
    return model->run(std::move(inputs), state);
  }
  std::int64_t length() const { return state.copy(1)->shape[2]; }

  std::mt19937 random{3};
  std::unique_ptr<Model> model;
  Carried state{model->inputs(), model->outputs(), kLinks};
};

TEST(Carried, IsTakenBackUnlessARunIsAccepted) {
  Started s;
  const auto before = floats(*s.state.copy(1));
  ASSERT_TRUE(s.step(2));
  EXPECT_EQ(s.length(), 5);
  s.state.take_back();
  EXPECT_EQ(s.length(), 3);
  EXPECT_EQ(floats(*s.state.copy(1)), before);
  ASSERT_TRUE(s.step(1));
  s.state.accept();
  s.state.take_back();
  EXPECT_EQ(s.length(), 4);
}

TEST(Carried, OfAFirstRunThatIsTakenBackIsEmpty) {
  Started s;
  Carried fresh(s.model->inputs(), s.model->outputs(), kLinks);
  std::vector<Tensor> inputs = s.rows(1);
  for (int i = 0; i < 2; ++i) inputs.push_back(random_tensor({1, 4, 2, 16}, s.random));
  ASSERT_TRUE(s.model->run(std::move(inputs), fresh));
  fresh.take_back();
  EXPECT_TRUE(fresh.empty());
  EXPECT_EQ(fresh.bytes(), 0u);
}

TEST(Carried, IsWhatItWasAfterARunThatFails) {
  Started s;
  const auto before = floats(*s.state.copy(2));
  EXPECT_EQ(s.step(1, 17).error().code, ErrorCode::InvalidArgument);
  std::vector<Tensor> batches;
  batches.push_back(random_tensor({2, 4, 1, 16}, s.random));
  batches.resize(3);
  EXPECT_EQ(s.model->run(std::move(batches), s.state).error().code, ErrorCode::Malformed);
  EXPECT_EQ(floats(*s.state.copy(2)), before);
  EXPECT_TRUE(s.step(1));
}

TEST(Carried, TakesNoMoreMemoryThanItMay) {
  Started s;
  s.state.max_bytes = s.state.bytes();
  const std::int64_t room = s.state.roomy()[0].memory.shape[2];
  ASSERT_TRUE(s.step(room - 3));
  s.state.accept();
  EXPECT_EQ(s.step(1).error().code, ErrorCode::Unavailable);
  EXPECT_EQ(s.length(), room);
  s.state.max_bytes += 2 * 4 * 16 * sizeof(float);  // a row of keys and one of values
  ASSERT_TRUE(s.step(1));
  s.state.accept();
  EXPECT_EQ(s.state.bytes(), s.state.max_bytes);
}

TEST(Carried, WantsAsManyInputsAsTheModelHas) {
  Started s;
  EXPECT_EQ(s.model->run(s.rows(1), s.state).error().code, ErrorCode::InvalidArgument);
}

struct BadLinks {
  const char* name;
  std::vector<Link> links;
};
void PrintTo(const BadLinks& bad, std::ostream* out) { *out << bad.name; }
class Links : public ::testing::TestWithParam<BadLinks> {};

TEST_P(Links, ThatDoNotHoldAreRefused) {
  const std::vector<Port> inputs = {{"a", DataType::Float32, {-1, 2}},
                                    {"b", DataType::Int64, {-1, 2}},
                                    {"c", DataType::Float32, {-1, 2, 1}},
                                    {"d", DataType::Float32, {-1, 3}}};
  const std::vector<Port> outputs = {{"y", DataType::Float32, {-1, 2}},
                                     {"z", DataType::Float32, {-1, -1}}};
  EXPECT_EQ(check_links(inputs, outputs, GetParam().links).error().code,
            ErrorCode::InvalidArgument);
}

INSTANTIATE_TEST_SUITE_P(All, Links,
                         ::testing::Values(BadLinks{"None", {}}, BadLinks{"NoSuchOutput", {{2, 0}}},
                                           BadLinks{"NoSuchInput", {{0, 4}}},
                                           BadLinks{"AnotherType", {{0, 1}}},
                                           BadLinks{"AnotherRank", {{0, 2}}},
                                           BadLinks{"AnotherSide", {{0, 3}}},
                                           BadLinks{"AnOutputTwice", {{1, 0}, {1, 3}}},
                                           BadLinks{"AnInputTwice", {{0, 0}, {1, 0}}}),
                         [](const auto& one) { return one.param.name; });

TEST(EmptyState, HasTheBatchAndNothingElse) {
  const auto state = make_empty_state({"s", DataType::Float32, {-1, 4, -1, 8}}, 3);
  ASSERT_TRUE(state);
  EXPECT_EQ(state->shape, (Shape{3, 4, 0, 8}));
  EXPECT_EQ(make_empty_state({"s", DataType::Float32, {-1, 4}}, 3).error().code,
            ErrorCode::InvalidArgument);
  EXPECT_EQ(make_empty_state({"s", DataType::Float32, {2, 4}}, 3).error().code,
            ErrorCode::InvalidArgument);
}

}  // namespace
}  // namespace torchkeep::runtime::testing
