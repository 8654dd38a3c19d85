#include <gmock/gmock.h>

#include "torchkeep/json/json.h"

#include "tests/cli/commands/invoke.h"
#include "tests/runtime/graph_builder.h"
#include "tests/support/files.h"

namespace torchkeep::cli {
namespace {

using ::testing::HasSubstr;
using testing::Said;
using namespace runtime::testing;  // graphs put together by hand

/// [batch, 3] times [3, 5].
class Bench : public ::testing::Test {
 protected:
  Bench() {
    GraphBuilder graph;
    const std::vector<float> ones(15, 1);
    graph.input("x", {-1, 3}).output("y", {-1, 5}).add(node("MatMul", {"x", "w"}, {"y"}));
    Message weights = raw_tensor(runtime::DataType::Float32, {3, 5}, raw_bytes(ones), "w");
    graph.field(5, weights);
    EXPECT_TRUE(store_file(model_, graph.model()).ok());
  }
  Said bench(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(),
                     {"bench", model_.string(), "--threads", "1", "--runs", "3"});
    return testing::invoke(add_bench, std::move(arguments));
  }
  ::torchkeep::testing::TemporaryFolder folder_;
  Path model_ = folder_ / "model.onnx";
};

TEST_F(Bench, CountsTheWorkOfMatrixProducts) {
  const Said said = bench({"--batch", "4", "--json"});
  ASSERT_EQ(said.status, 0) << said.error;
  const auto told = json::parse(said.output).value();
  EXPECT_EQ(told["flops"], 2.0 * 4 * 3 * 5);
  EXPECT_GE(told["p99_ms"], told["median_ms"]);
  EXPECT_GT(told["matrix_flops_per_second"], 1e6);
  EXPECT_NEAR(told["floor_ms"].get<double>(),
              1000 * 120 / told["matrix_flops_per_second"].get<double>(), 1e-9);
  for (const char* name : {"arena_bytes", "parameter_bytes", "load_ms", "first_request_ms"})
    EXPECT_TRUE(told.contains(name)) << name;
}

TEST_F(Bench, OpenDimensionsAreSetByName) {
  const Said said = bench({"--dim", "batch=7", "--json"});
  ASSERT_EQ(said.status, 0) << said.error;
  EXPECT_EQ(json::parse(said.output).value()["flops"], 2.0 * 7 * 3 * 5);
}

TEST_F(Bench, RefusesAWrongCall) {
  for (const char* dimension : {"batch", "batch=", "batch=0", "batch=-1", "batch=2x", "=3"}) {
    EXPECT_EQ(bench({"--dim", dimension}).status, 2) << dimension;
  }
  const Said unknown = bench({"--dim", "sequence=4"});
  EXPECT_EQ(unknown.status, 2);
  EXPECT_THAT(unknown.error, HasSubstr("known are: batch"));
  EXPECT_EQ(bench({"--runs", "0"}).status, 2);
  EXPECT_EQ(bench({"--threads", "0"}).status, 2);
  EXPECT_EQ(bench({"-i", "z=file.npy"}).status, 2);
}

}  // namespace
}  // namespace torchkeep::cli
