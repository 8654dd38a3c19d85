#include "torchkeep/worker/http_api.h"

#include <cstring>

#include "tests/worker/api_fixture.h"

namespace torchkeep::worker {
namespace {

using channel::HttpRequest;
using channel::HttpResponse;

constexpr std::string_view kInfer = "/v2/models/resnet50/versions/1/infer";
constexpr std::string_view kJsonRequest =
    R"({"id":"7","inputs":[{"name":"x","datatype":"FP32","shape":[1,2],"data":[1.5,-2]}]})";

TEST(HttpApi, AnswersInference) {
  Api api;
  const HttpResponse response = api.serve().ask("POST", kInfer, kJsonRequest);
  ASSERT_EQ(response.status, 200u) << as_text(response.body);
  const json::Json value = json_of(response);
  EXPECT_EQ(value["id"], "7");
  EXPECT_EQ(value["model_name"], "resnet50");
  EXPECT_EQ(value["model_version"], "1");
  EXPECT_EQ(value["outputs"][0]["data"], (json::Json{3.0, -4.0}));
  EXPECT_EQ(api.ask("POST", "/v2/models/resnet50/infer", kJsonRequest).status, 200u)
      << "any version";
}

TEST(HttpApi, AnswersInferenceWithBinaryTensors) {
  Api api;
  const std::string head =
      R"({"inputs":[{"name":"x","datatype":"FP32","shape":[1,2],"parameters":{"binary_data_size":8}}],)"
      R"("parameters":{"binary_data_output":true}})";
  std::string body = head + std::string(8, '\0');
  const float values[] = {1.5F, -2.0F};
  std::memcpy(body.data() + head.size(), values, 8);
  const HttpResponse response = api.serve().ask(
      "POST", kInfer, body, {{"inference-header-content-length", std::to_string(head.size())}});
  ASSERT_EQ(response.status, 200u) << as_text(response.body);
  const std::size_t size = std::stoul(*response.find_header("inference-header-content-length"));
  ASSERT_EQ(response.body.size(), size + 8);
  float doubled[2];
  std::memcpy(doubled, response.body.data() + size, 8);
  EXPECT_EQ(doubled[0], 3.0F);
  EXPECT_EQ(doubled[1], -4.0F);
}

TEST(HttpApi, DescribesItselfAndItsModels) {
  Api api;
  api.serve();
  EXPECT_EQ(
      json_of(api.ask("GET", "/v2")),
      json::parse(
          R"({"name":"torchkeep","version":"0.1.0","extensions":["binary_tensor_data","model_repository"]})")
          .value());
  EXPECT_EQ(json_of(api.ask("GET", "/v2/models/resnet50")),
            json::parse(R"({"name":"resnet50","versions":["1"],"platform":"torchkeep_onnx",)"
                        R"("inputs":[{"name":"x","datatype":"FP32","shape":[-1,2]}],)"
                        R"("outputs":[{"name":"y","datatype":"FP32","shape":[-1,2]}]})")
                .value());
  EXPECT_EQ(
      json_of(api.ask("POST", "/v2/repository/index")),
      json::parse(R"([{"name":"resnet50","version":"1","state":"READY","reason":""}])").value());
  EXPECT_EQ(api.ask("GET", "/v2/health/live").status, 200u);
  EXPECT_EQ(api.ask("GET", "/v2/health/ready").status, 200u);
  EXPECT_EQ(api.ask("GET", "/v2/models/resnet50/ready").status, 200u);
  const json::Json health = json_of(api.ask("GET", "/health"));
  EXPECT_EQ(health["status"], "ok");
  EXPECT_EQ(health["simulation"], tee::built_for_simulation());
  EXPECT_EQ(health["owner"], keys::hex(api.owner.key()));
  EXPECT_EQ(health["models"]["served"], 1);
}

TEST(HttpApi, SaysWhyAModelIsNotServed) {
  Api api;
  api.serve();
  api.keys.failure = denied("revoked");
  api.clock.advance(50s);
  api.host.tick();
  api.io.poll();
  const std::string told =
      "model \"resnet50\" version 1 is not served: revoked by its owner, or refused by its owner's "
      "policy";
  for (const auto& [method, target] :
       {std::pair("GET", "/v2/models/resnet50/ready"), std::pair("GET", "/v2/models/resnet50"),
        std::pair("POST", "/v2/models/resnet50/infer")}) {
    const HttpResponse response = api.ask(method, target, kJsonRequest);
    EXPECT_EQ(response.status, 503u) << target;
    EXPECT_EQ(error_of(response), told) << target;
  }
  EXPECT_EQ(api.ask("GET", "/v2/health/live").status, 200u);
  EXPECT_EQ(api.ask("GET", "/v2/health/ready").status, 503u);
  const json::Json index = json_of(api.ask("POST", "/v2/repository/index"));
  EXPECT_EQ(index[0]["state"], "UNAVAILABLE");
  EXPECT_EQ(json_of(api.ask("POST", "/v2/repository/index", R"({"ready":true})")),
            json::Json::array());
}

constexpr std::string_view kOperatorInfer = "/v2/models/resnet50/versions/1/operators/fc/infer";
constexpr std::string_view kOperatorRequest =
    R"({"inputs":[{"name":"input","datatype":"FP32","shape":[1,2],"data":[1.5,-2]}]})";

/// "fc" with an input and an output of its own.
runtime::Part fake_operator() {
  runtime::Part part;
  part.name = "fc";
  part.inputs = {{"input", runtime::DataType::Float32, {-1, 2}}};
  part.outputs = {{"output", runtime::DataType::Float32, {-1, 2}}};
  return part;
}

TEST(HttpApi, AnswersOneOperator) {
  Api api;
  api.engines->operators = {fake_operator()};
  const HttpResponse response = api.serve().ask("POST", kOperatorInfer, kOperatorRequest);
  ASSERT_EQ(response.status, 200u) << as_text(response.body);
  EXPECT_EQ(json_of(response)["outputs"][0]["name"], "output");
  EXPECT_EQ(json_of(response)["outputs"][0]["data"], (json::Json{3.0, -4.0}));
}

TEST(HttpApi, CallsNoOperatorOfAWholeModelAndNeverAllOfOne) {
  Api api;
  const HttpResponse whole = api.serve().ask("POST", kOperatorInfer, kOperatorRequest);
  EXPECT_EQ(whole.status, 404u);
  EXPECT_NE(error_of(whole).find("served whole"), std::string::npos) << error_of(whole);
  api.engines->operators = {fake_operator()};
  const HttpResponse all = api.ask("POST", kInfer, kJsonRequest);
  EXPECT_EQ(all.status, 400u);
  EXPECT_NE(error_of(all).find("one by one"), std::string::npos) << error_of(all);
  const HttpResponse other =
      api.ask("POST", "/v2/models/resnet50/operators/fb/infer", kOperatorRequest);
  EXPECT_EQ(other.status, 404u);
  const HttpResponse last =
      api.ask("POST", "/v2/models/resnet50/operators/fd/infer", kOperatorRequest);
  EXPECT_EQ(last.status, 404u);
  EXPECT_EQ(api.engines->runs, 0);
}

struct Wrong {
  const char* name;
  const char* method;
  const char* target;
  std::string body;
  channel::HttpHeaders headers;
  unsigned status;
  const char* told;
};
void PrintTo(const Wrong& wrong, std::ostream* out) { *out << wrong.name; }

class WrongRequests : public ::testing::TestWithParam<Wrong> {};

TEST_P(WrongRequests, AreRefusedInTheProtocolsForm) {
  Api api;
  const Wrong& wrong = GetParam();
  const HttpResponse response =
      api.serve().ask(wrong.method, wrong.target, wrong.body, wrong.headers);
  EXPECT_EQ(response.status, wrong.status);
  EXPECT_NE(error_of(response).find(wrong.told), std::string::npos) << error_of(response);
  EXPECT_EQ(api.engines->runs, 0);
  EXPECT_EQ(api.log.lines().size(), 1u) << "requests are not logged";
}

INSTANTIATE_TEST_SUITE_P(
    All, WrongRequests,
    ::testing::Values(
        Wrong{"AnUnknownPath", "GET", "/v2/x", "", {}, 404, "no such path"},
        Wrong{"AnUnknownModel",
              "POST",
              "/v2/models/bert/infer",
              "{}",
              {},
              404,
              "no model \"bert\" here"},
        Wrong{"AnUnknownVersion",
              "POST",
              "/v2/models/resnet50/versions/9/infer",
              "{}",
              {},
              404,
              "version 9"},
        Wrong{
            "ANameFromElsewhere", "GET", "/v2/models/..%2F..%2Fetc/ready", "", {}, 404, "no model"},
        Wrong{"ABadEscape", "GET", "/v2/models/%zz", "", {}, 400, "hex digits"},
        Wrong{"GetToInfer", "GET", "/v2/models/resnet50/infer", "", {}, 405, "POST only"},
        Wrong{"PostToMetadata", "POST", "/v2", "", {}, 405, "GET only"},
        Wrong{"ACompressedBody",
              "POST",
              "/v2/models/resnet50/infer",
              "x",
              {{"content-encoding", "gzip"}},
              415,
              "content-encoding"},
        Wrong{"NoJson", "POST", "/v2/models/resnet50/infer", "x", {}, 400, "JSON"},
        Wrong{"AnEmptyBody", "POST", "/v2/models/resnet50/infer", "", {}, 400, "JSON"},
        Wrong{"ALengthThatIsNoNumber",
              "POST",
              "/v2/models/resnet50/infer",
              "{}",
              {{"inference-header-content-length", "2x"}},
              400,
              "no number"},
        Wrong{"ALengthThatIsEmpty",
              "POST",
              "/v2/models/resnet50/infer",
              "{}",
              {{"inference-header-content-length", ""}},
              400,
              "no number"},
        Wrong{"ALengthThatIsTooLong",
              "POST",
              "/v2/models/resnet50/infer",
              "{}",
              {{"inference-header-content-length", "3"}},
              400,
              "the body has 2 bytes"},
        Wrong{"AMissingInput",
              "POST",
              "/v2/models/resnet50/infer",
              R"({"inputs":[]})",
              {},
              400,
              "input \"x\" is missing"},
        Wrong{"LoadingByRequest",
              "POST",
              "/v2/repository/models/resnet50/load",
              "{}",
              {},
              501,
              "repository folder"},
        Wrong{"UnloadingByRequest",
              "POST",
              "/v2/repository/models/resnet50/unload",
              "{}",
              {},
              501,
              "repository folder"},
        Wrong{
            "AnIndexOfWhat", "POST", "/v2/repository/index", R"({"reddy":true})", {}, 400, "reddy"},
        Wrong{"AnIndexThatIsNoJson", "POST", "/v2/repository/index", "x", {}, 400, "JSON"}),
    [](const auto& one) { return one.param.name; });

TEST(HttpApi, RefusesClientsThatThePolicyDoesNotName) {
  Api api(testing::fake_policy());
  api.serve();
  for (const auto& [method, target] :
       {std::pair("POST", "/v2/models/resnet50/infer"), std::pair("GET", "/v2/models/resnet50")}) {
    const HttpResponse response = api.ask(method, target, kJsonRequest);
    EXPECT_EQ(response.status, 403u);
    EXPECT_NE(error_of(response).find("any_client"), std::string::npos);
  }
  EXPECT_EQ(api.engines->runs, 0);
}

TEST(HttpApi, RefusesABodyAboveTheModelsLimit) {
  Api api;
  ASSERT_TRUE(
      store_file(api.folder / "resnet50/1/config.json", as_bytes(R"({"max_request_bytes":10})")));
  const HttpResponse response = api.serve().ask("POST", kInfer, kJsonRequest);
  EXPECT_EQ(response.status, 413u);
  EXPECT_NE(error_of(response).find("this model takes 10"), std::string::npos);
}

struct EngineFailure {
  ErrorCode code;
  unsigned status;
};
void PrintTo(const EngineFailure& failure, std::ostream* out) { *out << name_of(failure.code); }

class EngineFailures : public ::testing::TestWithParam<EngineFailure> {};

TEST_P(EngineFailures, TellNothingOfTheGraph) {
  Api api;
  api.engines->failure = Error{GetParam().code, "node \"secret_layer_7\": Conv"};
  const HttpResponse response = api.serve().ask("POST", kInfer, kJsonRequest);
  EXPECT_EQ(response.status, GetParam().status);
  EXPECT_EQ(error_of(response).find("secret"), std::string::npos);
  EXPECT_FALSE(api.log.contains("secret"));
}

INSTANTIATE_TEST_SUITE_P(All, EngineFailures,
                         ::testing::Values(EngineFailure{ErrorCode::Malformed, 400},
                                           EngineFailure{ErrorCode::Unavailable, 503},
                                           EngineFailure{ErrorCode::Internal, 500}),
                         [](const auto& one) { return std::string(name_of(one.param.code)); });

TEST(HttpApi, AnswersHealthWhileAnInferenceRuns) {
  Api api;
  std::promise<void> gate;
  api.engines->gate = gate.get_future().share();
  const auto running = api.serve().begin("POST", kInfer, kJsonRequest);
  api.run_until([&] { return api.engines->runs == 1; });
  EXPECT_EQ(api.ask("GET", "/health").status, 200u);
  EXPECT_FALSE(running->has_value());
  gate.set_value();
  api.run_until([&] { return running->has_value(); });
  EXPECT_EQ((*running)->status, 200u);
}

TEST(HttpApi, RefusesMoreRequestsThanMayWaitAndAnswersThoseThatDo) {
  Api api;
  ASSERT_TRUE(store_file(api.folder / "resnet50/1/config.json", as_bytes(R"({"max_queue":3})")));
  std::promise<void> gate;
  api.engines->gate = gate.get_future().share();
  api.serve();
  std::vector<std::shared_ptr<std::optional<HttpResponse>>> answers;
  for (int i = 0; i < 5; ++i) answers.push_back(api.begin("POST", kInfer, kJsonRequest));
  api.run_until([&] { return answers[4]->has_value(); });
  for (int i : {3, 4}) {
    EXPECT_EQ((*answers[i])->status, 503u);
    EXPECT_NE(error_of(**answers[i]).find("3 requests wait"), std::string::npos);
  }
  gate.set_value();
  for (int i : {0, 1, 2}) {
    api.run_until([&] { return answers[i]->has_value(); });
    EXPECT_EQ((*answers[i])->status, 200u);
  }
  EXPECT_EQ(api.ask("POST", kInfer, kJsonRequest).status, 200u);
}

TEST(HttpApi, DoesNotRunWhatWaitedBeyondTheLease) {
  Api api;
  std::promise<void> gate;
  api.engines->gate = gate.get_future().share();
  const auto first = api.serve().begin("POST", kInfer, kJsonRequest);
  const auto second = api.begin("POST", kInfer, kJsonRequest);
  api.run_until([&] { return api.engines->runs == 1; });
  api.clock.advance(100s);
  gate.set_value();
  api.run_until([&] { return first->has_value() && second->has_value(); });
  EXPECT_EQ((*first)->status, 200u) << "it had begun in time";
  EXPECT_EQ((*second)->status, 503u);
  EXPECT_EQ(api.engines->runs, 1);
}

TEST(HttpApi, CountsOnlyRequestsThatRunAgainstTheLease) {
  Api api;
  api.keys.lease_requests = 1;
  api.serve();
  api.keys.failure = unavailable("away");
  for (int i = 0; i < 3; ++i) EXPECT_EQ(api.ask("POST", kInfer, "{}").status, 400u);
  EXPECT_EQ(api.ask("POST", kInfer, kJsonRequest).status, 200u);
  EXPECT_EQ(api.ask("POST", kInfer, kJsonRequest).status, 503u);
}

TEST(HttpApi, AnswersRunningRequestsBeforeTheModelGoes) {
  Api api;
  std::promise<void> gate;
  api.engines->gate = gate.get_future().share();
  const auto running = api.serve().begin("POST", kInfer, kJsonRequest);
  const auto waiting = api.begin("POST", kInfer, kJsonRequest);
  api.run_until([&] { return api.engines->runs == 1; });
  api.host.stop();
  EXPECT_EQ(api.ask("POST", kInfer, kJsonRequest).status, 503u);
  gate.set_value();
  api.run_until([&] { return running->has_value() && waiting->has_value(); });
  EXPECT_EQ((*running)->status, 200u);
  EXPECT_EQ((*waiting)->status, 200u);
  api.wait_for_inference();
  EXPECT_EQ(api.engines->alive, 0);
}

}  // namespace
}  // namespace torchkeep::worker
