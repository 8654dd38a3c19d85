#include <gmock/gmock.h>

#include "torchkeep/cli/npy.h"
#include "torchkeep/json/json.h"

#include "tests/cli/commands/invoke.h"
#include "tests/runtime/graph_builder.h"
#include "tests/support/files.h"

namespace torchkeep::cli {
namespace {

using ::testing::HasSubstr;
using testing::Said;
using namespace runtime::testing;  // graphs put together by hand

/// [batch, 64] times [64, 48].
class Quantize : public ::testing::Test {
 protected:
  Quantize() {
    GraphBuilder graph;
    std::vector<float> weights(64 * 48);
    for (std::size_t i = 0; i < weights.size(); ++i)
      weights[i] = 0.01F * static_cast<float>(i % 29) - 0.14F;
    graph.input("x", {-1, 64}).output("y", {-1, 48}).add(node("MatMul", {"x", "w"}, {"y"}));
    graph.field(5, raw_tensor(runtime::DataType::Float32, {64, 48}, raw_bytes(weights), "w"));
    EXPECT_TRUE(store_file(model_, graph.model()).ok());
    sample("good.npy", "FP32", {2, 64}, 2 * 64 * 4);
  }
  void sample(const std::string& name, const std::string& type,
              const std::vector<std::uint64_t>& shape, std::size_t bytes) {
    SecretBuffer data(bytes);
    for (std::size_t i = 0; i < bytes; ++i)
      data[i] = i % 4 == 3 ? 0x3f : static_cast<std::uint8_t>(i / 7);
    EXPECT_TRUE(store_npy(folder_ / name, {type, shape, std::move(data)}).ok());
  }
  Said quantize(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(),
                     {"quantize", model_.string(), "-o", output_.string(), "--threads", "1"});
    return testing::invoke(add_quantize, std::move(arguments));
  }
  std::string path(const std::string& name) const { return (folder_ / name).string(); }
  ::torchkeep::testing::TemporaryFolder folder_;
  Path model_ = folder_ / "model.onnx", output_ = folder_ / "small.onnx";
};

TEST_F(Quantize, EachWaySaysWhatItDid) {
  const std::string good = path("good.npy");
  for (const std::vector<std::string>& way : {std::vector<std::string>{},
                                              {"--weights", "int8"},
                                              {"--weights", "int4", "--block", "16"},
                                              {"--dynamic"},
                                              {"--static", "--calibrate", good},
                                              {"--dim", "batch=3"}}) {
    std::vector<std::string> arguments = way;
    arguments.insert(arguments.end(), {"--json", "--force"});
    const Said said = quantize(arguments);
    ASSERT_EQ(said.status, 0) << said.error;
    const auto told = json::parse(said.output).value();
    EXPECT_EQ(told["quantised"], json::Json({{"MatMul", 1}}));
    EXPECT_EQ(told["bytes_after"], std::filesystem::file_size(output_));
    EXPECT_LT(told["bytes_after"], told["bytes_before"]);
    EXPECT_EQ(told["samples"], 1);
    ASSERT_EQ(told["differences"].size(), 1U);
    EXPECT_GT(told["differences"][0]["absolute"], 0);
    EXPECT_LT(told["differences"][0]["relative"], 0.2);
  }
}

TEST_F(Quantize, TellsPeopleSizesCountsAndTheDifference) {
  const Said said = quantize({});
  ASSERT_EQ(said.status, 0) << said.error;
  for (const char* words : {"MiB, now ", "1 quantised", "differs by at most", "1 made up sample"})
    EXPECT_THAT(said.output, HasSubstr(words));
}

TEST_F(Quantize, NamesTheOutputsThatAreFurthestOffAndCountsTheOthers) {
  GraphBuilder graph;
  std::vector<float> weights(64 * 48);
  for (std::size_t i = 0; i < weights.size(); ++i)
    weights[i] = 0.01F * static_cast<float>(i % 29) - 0.14F;
  graph.input("x", {-1, 64}).add(node("MatMul", {"x", "w"}, {"p"}));
  for (int i = 0; i < 6; ++i) {
    const std::string name = "out" + std::to_string(i);
    graph.output(name, {-1, 48});
    graph.add(i == 4 ? node("Mul", {"p", "p"}, {name}) : node("Abs", {"p"}, {name}));
  }
  graph.field(5, raw_tensor(runtime::DataType::Float32, {64, 48}, raw_bytes(weights), "w"));
  ASSERT_TRUE(store_file(model_, graph.model()).ok());
  const Said said = quantize({});
  ASSERT_EQ(said.status, 0) << said.error;
  EXPECT_THAT(said.output, HasSubstr("3 more, none further off: see --json"));
  EXPECT_THAT(said.output, HasSubstr("out2"));
  EXPECT_THAT(said.output, ::testing::Not(HasSubstr("out4"))) << "it is the nearest";
  const Said all = quantize({"--json", "--force"});
  EXPECT_EQ(json::parse(all.output).value()["differences"].size(), 6U);
}

struct WrongCall {
  std::vector<std::string> arguments;
  int status;
  const char* words;
};
TEST_F(Quantize, RefusesAWrongCall) {
  sample("narrow.npy", "FP32", {2, 8}, 2 * 8 * 4);
  sample("whole.npy", "INT32", {2, 64}, 2 * 64 * 4);
  const std::string good = path("good.npy");
  for (const WrongCall& call : std::initializer_list<WrongCall>{
           {{"--static"}, 2, "--static needs samples"},
           {{"--static", "--dynamic"}, 2, "exclude each other"},
           {{"--weights", "int8", "--dynamic"}, 2, "exclude each other"},
           {{"--weights", "int4", "--static", "--calibrate", good}, 2, "exclude each other"},
           {{"--weights", "int2"}, 2, "int2"},
           {{"--weights", "int4", "--block", "7"}, 2, "blocks of 7"},
           {{"--static", "--calibrate", good, "--percentile", "101"}, 2, "percentile 101"},
           {{"--static", "--calibrate", path("absent.npy")}, 3, "no such file"},
           {{"--static", "--calibrate", path("narrow.npy")}, 2, "the model wants [?, 64]"},
           {{"--static", "--calibrate", path("whole.npy")}, 2, "the model wants FP32"},
           {{"--static", "--calibrate", "z=" + good}, 3, "the inputs are \"x\""},
           {{"--dim", "sequence=4"}, 2, "known are: batch"},
           {{"--dim", "batch"}, 2, "write NAME=N"}}) {
    const Said said = quantize(call.arguments);
    EXPECT_EQ(said.status, call.status) << call.words;
    EXPECT_THAT(said.error, HasSubstr(call.words));
    EXPECT_FALSE(std::filesystem::exists(output_));
  }
}

TEST_F(Quantize, AnExistingOutputIsReplacedOnlyIfAsked) {
  ASSERT_TRUE(store_file(output_, as_bytes("precious")).ok());
  EXPECT_EQ(quantize({}).status, 2);
  EXPECT_EQ(to_string(load_file(output_, 100).value()), "precious");
  EXPECT_EQ(quantize({"--force"}).status, 0);
  const Said twice = quantize({"--force", "--dynamic"});
  EXPECT_EQ(twice.status, 0) << twice.error;
}

TEST_F(Quantize, WhatItMadeIsNotQuantisedAgain) {
  ASSERT_EQ(quantize({"--weights", "int4"}).status, 0);
  const Said again =
      testing::invoke(add_quantize, {"quantize", output_.string(), "-o", path("again.onnx")});
  EXPECT_EQ(again.status, 2);
  EXPECT_THAT(again.error, HasSubstr("quantised already"));
}

}  // namespace
}  // namespace torchkeep::cli
