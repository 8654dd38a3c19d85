#include "torchkeep/worker/route.h"

#include <gtest/gtest.h>

#include "torchkeep/json/json.h"

#include "tests/support/files.h"

namespace torchkeep::worker {
namespace {

struct Path {
  const char* target;
  Call call;
  const char* method;
  const char* model;
  std::optional<std::uint64_t> version;
};

TEST(Route, KnowsEveryPathOfTheProtocol) {
  const Path paths[] = {
      {"/health", Call::Health, "GET", "", {}},
      {"/v2", Call::ServerMetadata, "GET", "", {}},
      {"/v2?x=1", Call::ServerMetadata, "GET", "", {}},
      {"/v2/health/live", Call::ServerLive, "GET", "", {}},
      {"/v2/health/ready", Call::ServerReady, "GET", "", {}},
      {"/v2/repository/index", Call::RepositoryIndex, "POST", "", {}},
      {"/v2/repository/models/m/load", Call::RepositoryChange, "POST", "m", {}},
      {"/v2/repository/models/m/unload", Call::RepositoryChange, "POST", "m", {}},
      {"/v2/models/m", Call::ModelMetadata, "GET", "m", {}},
      {"/v2/models/m/versions/7", Call::ModelMetadata, "GET", "m", 7},
      {"/v2/models/m/ready", Call::ModelReady, "GET", "m", {}},
      {"/v2/models/m/versions/7/ready", Call::ModelReady, "GET", "m", 7},
      {"/v2/models/m/infer", Call::Infer, "POST", "m", {}},
      {"/v2/models/m/versions/18446744073709551615/infer", Call::Infer, "POST", "m", UINT64_MAX},
      {"/v2/models/my%20model/infer", Call::Infer, "POST", "my model", {}},
      {"/v2/models/a%2Fb", Call::ModelMetadata, "GET", "a/b", {}},
      {"/v2/models/ready/ready", Call::ModelReady, "GET", "ready", {}},
  };
  for (const Path& path : paths) {
    const auto route = parse_route(path.target);
    ASSERT_TRUE(route) << path.target << ": " << route.error();
    EXPECT_EQ(route->call, path.call) << path.target;
    EXPECT_EQ(route->method, path.method) << path.target;
    EXPECT_EQ(route->model, path.model) << path.target;
    EXPECT_EQ(route->version, path.version) << path.target;
  }
}

TEST(Route, NamesTheOperatorThatIsCalled) {
  for (const auto& [target, name] : {
           std::pair("/v2/models/m/operators/layer1.0.conv1/infer", "layer1.0.conv1"),
           std::pair("/v2/models/m/versions/7/operators/%40manifest/infer", "@manifest"),
           std::pair("/v2/models/m/operators/a%2Fb%3Ac/infer", "a/b:c"),
           std::pair("/v2/models/m/operators/infer/infer", "infer"),
       }) {
    const auto route = parse_route(target);
    ASSERT_TRUE(route) << target << ": " << route.error();
    EXPECT_EQ(route->call, Call::Infer) << target;
    EXPECT_EQ(route->method, "POST") << target;
    EXPECT_EQ(route->operator_name, name) << target;
  }
  EXPECT_FALSE(parse_route("/v2/models/m/infer")->operator_name);
}

TEST(Route, RefusesOtherPaths) {
  for (const char* target : {"/",
                             "/v1",
                             "/v2/",
                             "/v2/models",
                             "/v2/health",
                             "/v2/models/m/",
                             "/v2/models/m/stats",
                             "/v2/models/m/versions",
                             "/v2/models/m/versions/0",
                             "/v2/models/m/versions/01/infer",
                             "/v2/models/m/versions/x/infer",
                             "/v2/models/m/versions/18446744073709551616/infer",
                             "/v2/models/m/versions//infer",
                             "/v2/repository/models/m",
                             "/v2/repository/models/m/load/x",
                             "/v3/repository/models/m/load",
                             "/v2/models/m/infer/x",
                             "/v2/models/m/operators",
                             "/v2/models/m/operators/a",
                             "/v2/models/m/operators/a/ready",
                             "/v2/models/m/operators/a/b/infer",
                             "/v2/models/m/operators/a/infer/x",
                             "/torchkeep/v1/release"}) {
    const auto route = parse_route(target);
    ASSERT_FALSE(route) << target;
    EXPECT_EQ(route.error().code, ErrorCode::NotFound) << target;
  }
  for (const char* target : {"", "v2", "*", "/v2/models/%", "/v2/models/%2", "/v2/models/%zz"}) {
    const auto route = parse_route(target);
    ASSERT_FALSE(route) << target;
    EXPECT_EQ(route.error().code, ErrorCode::Malformed) << target;
  }
}

TEST(Route, KnowsEveryRequestOfTheRecordedClient) {
  const auto recorded =
      json::parse(as_text(testing::load_vector("worker/vectors/oip/requests.json"))).value();
  for (const json::Json& one : recorded) {
    const std::string line = one["request_head"][0];
    const auto first = line.find(' '), last = line.rfind(' ');
    const auto route = parse_route(line.substr(first + 1, last - first - 1));
    ASSERT_TRUE(route) << line;
    EXPECT_EQ(route->method, line.substr(0, first)) << line;
  }
}

}  // namespace
}  // namespace torchkeep::worker
