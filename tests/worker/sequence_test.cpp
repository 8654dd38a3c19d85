#include <numeric>

#include "torchkeep/worker/sequence_store.h"

#include "tests/worker/api_fixture.h"

namespace torchkeep::worker {
namespace {

using runtime::DataType;
using runtime::Tensor;

/// present = past with x behind it, sum = the sum of that, for each row of a batch.
class SummingEngine final : public Engine {
 public:
  explicit SummingEngine(std::shared_ptr<FakeEngine::Behaviour> behaviour)
      : behaviour_(std::move(behaviour)) {
    ++behaviour_->alive;
  }
  ~SummingEngine() override { --behaviour_->alive; }
  const std::vector<runtime::Port>& inputs() const override { return inputs_; }
  const std::vector<runtime::Port>& outputs() const override { return outputs_; }
  std::uint64_t parameter_bytes() const override { return 0; }
  std::span<const runtime::Part> operators() const override { return {}; }
  Result<std::vector<Tensor>> run_operator(std::size_t, std::span<const Tensor>) override {
    return invalid_argument("it has none");
  }
  Result<std::vector<Tensor>> run(std::vector<Tensor> inputs, runtime::Carried& state) override {
    return state.run(std::move(inputs), [this](std::span<const Tensor> all) { return run(all); });
  }
  Result<std::vector<Tensor>> run(std::span<const Tensor> inputs) override {
    ++behaviour_->runs;
    if (behaviour_->failure) return *behaviour_->failure;
    const Tensor &x = inputs[0], &past = inputs[1];
    const std::int64_t rows = x.shape[0], before = past.shape[1];
    if (past.shape[0] != rows) return malformed("/model/Concat: rows differ");
    std::vector<Tensor> out;
    out.push_back(TRY(Tensor::uninitialised(DataType::Float32, {rows, 1})));
    out.push_back(TRY(Tensor::uninitialised(DataType::Float32, {rows, before + 1})));
    for (std::int64_t row = 0; row < rows; ++row) {
      const auto present =
          out[1].elements<float>().subspan(static_cast<std::size_t>(row * (before + 1)));
      for (std::int64_t i = 0; i < before; ++i)
        present[static_cast<std::size_t>(i)] =
            past.elements<float>()[static_cast<std::size_t>(row * before + i)];
      present[static_cast<std::size_t>(before)] =
          x.elements<float>()[static_cast<std::size_t>(row)];
      const auto of_row = present.first(static_cast<std::size_t>(before + 1));
      out[0].elements<float>()[static_cast<std::size_t>(row)] =
          std::accumulate(of_row.begin(), of_row.end(), 0.0F);
    }
    return out;
  }

 private:
  std::shared_ptr<FakeEngine::Behaviour> behaviour_;
  std::vector<runtime::Port> inputs_{{"x", DataType::Float32, {-1, 1}},
                                     {"past", DataType::Float32, {-1, -1}}};
  std::vector<runtime::Port> outputs_{{"sum", DataType::Float32, {-1, 1}},
                                      {"present", DataType::Float32, {-1, -1}}};
};

constexpr std::string_view kInfer = "/v2/models/resnet50/versions/1/infer";
const std::string kStart =
    R"("sequence_start":true,"sequence_state":[{"output":"present","input":"past"}])";

std::string input(const char* name, const std::string& shape, const std::string& data) {
  return text(R"({"name":")", name, R"(","datatype":"FP32","shape":)", shape, R"(,"data":)", data,
              "}");
}
std::string x_of(float value) { return input("x", "[1,1]", text("[", value, "]")); }

/// A worker that serves sums.
struct Sums : Api {
  explicit Sums(std::string_view config = "{}") {
    loader.make = [this] { return std::make_unique<SummingEngine>(engines); };
    EXPECT_TRUE(store_file(folder / "resnet50/1/config.json", as_bytes(config)));
    serve();
  }
  HttpResponse send(const std::string& parameters, const std::string& inputs,
                    const std::string& more = "") {
    return ask("POST", kInfer,
               "{\"parameters\":{" + parameters + "},\"inputs\":[" + inputs + "]" + more + "}");
  }
  std::string begin_with(float value) {
    const HttpResponse response = send(kStart, x_of(value));
    EXPECT_EQ(response.status, 200u) << as_text(response.body);
    return json_of(response)["parameters"]["sequence_id"];
  }
  HttpResponse step(const std::string& id, float value, const std::string& more = "") {
    return send(R"("sequence_id":")" + id + "\"" + more, x_of(value));
  }
  HttpResponse end(const std::string& id) {
    return ask("POST", kInfer,
               R"({"parameters":{"sequence_end":true,"sequence_id":")" + id + "\"}}");
  }
  static double sum_of(const HttpResponse& response) {
    EXPECT_EQ(response.status, 200u) << as_text(response.body);
    return json_of(response)["outputs"][0]["data"][0];
  }
};

TEST(Sequences, KeepTheStateBetweenRequestsAndSendItToNobody) {
  Sums sums;
  const HttpResponse first = sums.send(kStart, x_of(1));
  ASSERT_EQ(first.status, 200u) << as_text(first.body);
  const json::Json value = json_of(first);
  const std::string id = value["parameters"]["sequence_id"];
  EXPECT_EQ(id.size(), 32u);
  ASSERT_EQ(value["outputs"].size(), 1u);
  EXPECT_EQ(value["outputs"][0]["name"], "sum");
  EXPECT_EQ(Sums::sum_of(sums.step(id, 2)), 3);
  EXPECT_EQ(Sums::sum_of(sums.step(id, 4)), 7);
}

TEST(Sequences, AnswerTheirStateWhereItIsAskedForByName) {
  Sums sums;
  const std::string id = sums.begin_with(1);
  const HttpResponse response =
      sums.send(R"("sequence_id":")" + id + "\"", x_of(2), R"(,"outputs":[{"name":"present"}])");
  ASSERT_EQ(response.status, 200u) << as_text(response.body);
  EXPECT_EQ(json_of(response)["outputs"][0]["data"], (json::Json{1.0, 2.0}));
  EXPECT_EQ(Sums::sum_of(sums.step(id, 4)), 7) << "a copy went out";
}

TEST(Sequences, BeginWithTheStateThatIsSent) {
  Sums sums;
  const HttpResponse response =
      sums.send(kStart, x_of(1) + "," + input("past", "[1,2]", "[10,20]"));
  EXPECT_EQ(Sums::sum_of(response), 31);
  const std::string id = json_of(response)["parameters"]["sequence_id"];
  EXPECT_EQ(Sums::sum_of(sums.step(id, 1)), 32);
}

TEST(Sequences, BeginEmptyWithTheBatchOfTheOtherInputs) {
  Sums sums;
  const HttpResponse response = sums.send(kStart, input("x", "[3,1]", "[1,2,3]"));
  ASSERT_EQ(response.status, 200u) << as_text(response.body);
  EXPECT_EQ(json_of(response)["outputs"][0]["data"], (json::Json{1.0, 2.0, 3.0}));
}

TEST(Sequences, AreEachOnesOwn) {
  Sums sums;
  const std::string one = sums.begin_with(1), other = sums.begin_with(100);
  EXPECT_NE(one, other);
  EXPECT_EQ(Sums::sum_of(sums.step(one, 1)), 2);
  EXPECT_EQ(Sums::sum_of(sums.step(other, 1)), 101);
  EXPECT_EQ(sums.end(one).status, 200u);
  EXPECT_EQ(Sums::sum_of(sums.step(other, 1)), 102);
}

TEST(Sequences, EndWithAStepOrWithoutOne) {
  Sums sums;
  const std::string one = sums.begin_with(1), other = sums.begin_with(2);
  const HttpResponse last = sums.step(one, 1, R"(,"sequence_end":true)");
  EXPECT_EQ(Sums::sum_of(last), 2);
  EXPECT_FALSE(json_of(last).contains("parameters"));
  const int runs = sums.engines->runs;
  const HttpResponse ended = sums.end(other);
  EXPECT_EQ(ended.status, 200u);
  EXPECT_EQ(json_of(ended)["outputs"], json::Json::array());
  EXPECT_EQ(sums.engines->runs, runs);
  for (const std::string& id : {one, other}) {
    EXPECT_EQ(sums.step(id, 1).status, 404u);
    EXPECT_EQ(sums.end(id).status, 404u);
  }
}

TEST(Sequences, LookTheSameWhetherTheyEndedOrNeverWere) {
  Sums sums;
  const std::string id = sums.begin_with(1);
  sums.end(id);
  const std::string told = error_of(sums.step(id, 1));
  EXPECT_NE(told.find("sequence_start"), std::string::npos);
  for (const std::string& other : {std::string(32, '0'), std::string("7"), std::string(), id + "00",
                                   std::string(32, 'x'), std::string(1000, 'a')}) {
    const HttpResponse response = sums.step(other, 1);
    EXPECT_EQ(response.status, 404u);
    EXPECT_EQ(error_of(response), told);
  }
  EXPECT_EQ(sums.engines->runs, 1);
}

TEST(Sequences, AreAsBeforeAfterAStepThatFailed) {
  Sums sums;
  const std::string id = sums.begin_with(1);
  for (const ErrorCode code : {ErrorCode::Internal, ErrorCode::Unavailable, ErrorCode::Malformed,
                               ErrorCode::InvalidArgument}) {
    sums.engines->failure = Error{code, "/model/secret: no"};
    EXPECT_GE(sums.step(id, 2, R"(,"sequence_end":true)").status, 400u);
  }
  sums.engines->failure.reset();
  // The step itself goes well here, its answer does not: an infinity has no spelling in JSON.
  const HttpResponse infinite =
      sums.send(R"("sequence_id":")" + id + "\"", input("x", "[1,1]", "[3.4e38]"));
  EXPECT_EQ(infinite.status, 200u);
  EXPECT_EQ(sums.send(R"("sequence_id":")" + id + "\"", input("x", "[1,1]", "[3.4e38]")).status,
            400u);
  EXPECT_EQ(
      Sums::sum_of(sums.send(R"("sequence_id":")" + id + "\"", input("x", "[1,1]", "[-3.4e38]"))),
      0)
      << "1 is lost beside 3.4e38, whose double was never there";
}

TEST(Sequences, WhoseStartFailedAreNotThere) {
  Sums sums(R"({"max_sequences":1})");
  sums.engines->failure = Error{ErrorCode::Internal, "no"};
  EXPECT_EQ(sums.send(kStart, x_of(1)).status, 500u);
  sums.engines->failure.reset();
  sums.begin_with(1);
}

TEST(Sequences, TellNothingOfTheModelWhenTheyCannotRun) {
  Sums sums;
  const std::string id = sums.begin_with(1);
  const HttpResponse response =
      sums.send(R"("sequence_id":")" + id + "\"", input("x", "[2,1]", "[1,2]"));
  EXPECT_EQ(response.status, 400u);
  EXPECT_EQ(error_of(response), "the model cannot run on inputs of these shapes");
}

TEST(Sequences, AreBoundedInNumber) {
  Sums sums(R"({"max_sequences":2})");
  const std::string first = sums.begin_with(1);
  sums.begin_with(1);
  const HttpResponse third = sums.send(kStart, x_of(1));
  EXPECT_EQ(third.status, 503u);
  EXPECT_NE(error_of(third).find("2 sequences"), std::string::npos);
  EXPECT_EQ(sums.engines->runs, 2);
  sums.end(first);
  sums.begin_with(1);
}

TEST(Sequences, AreBoundedInBytesAllTogether) {
  Sums sums(R"({"max_sequence_bytes":12})");
  const std::string one = sums.begin_with(1), other = sums.begin_with(10);
  EXPECT_EQ(Sums::sum_of(sums.step(one, 1)), 2);
  const HttpResponse above = sums.step(other, 1);
  EXPECT_EQ(above.status, 503u);
  EXPECT_NE(error_of(above).find("max_sequence_bytes"), std::string::npos);
  sums.end(one);
  EXPECT_EQ(Sums::sum_of(sums.step(other, 1)), 11) << "as before the step that was refused";
}

TEST(Sequences, AreWipedWhenNobodyAsksForThem) {
  Sums sums(R"({"sequence_idle_seconds":20,"max_sequences":2})");
  const std::string busy = sums.begin_with(1), idle = sums.begin_with(2);
  sums.clock.advance(15s);
  EXPECT_EQ(sums.step(busy, 1).status, 200u);
  sums.clock.advance(5s);
  EXPECT_EQ(sums.step(idle, 1).status, 404u);
  EXPECT_EQ(sums.step(busy, 1).status, 200u);
  sums.begin_with(3);
}

TEST(Sequences, AreGoneWithTheModelsLease) {
  Sums sums;
  const std::string id = sums.begin_with(1);
  sums.keys.failure = denied("revoked");
  sums.clock.advance(50s);
  sums.host.tick();
  sums.io.poll();
  EXPECT_EQ(sums.step(id, 1).status, 503u);
  sums.wait_for_inference();
  EXPECT_EQ(sums.engines->alive, 0);
  sums.keys.failure.reset();
  sums.clock.advance(1s);
  sums.host.tick();
  sums.run_until([&] { return sums.host.ready(); });
  EXPECT_EQ(sums.step(id, 1).status, 404u) << "another life of the model";
}

TEST(Sequences, CountEachStepAsARequestOfTheLeaseAndNoEnd) {
  Sums sums;
  sums.keys.lease_requests = 4;
  sums.clock.advance(50s);
  sums.host.tick();
  sums.io.poll();
  sums.keys.failure = unavailable("the cache is away");
  const std::string id = sums.begin_with(1);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(sums.step(id, 1).status, 200u);
  EXPECT_EQ(sums.step(id, 1).status, 503u);
  EXPECT_EQ(sums.engines->runs, 4);
}

struct Bad {
  const char* name;
  std::string parameters;
  std::string inputs;
  const char* told;
  int runs = 1;  ///< The start's, and its own if only a run can tell.
};
void PrintTo(const Bad& bad, std::ostream* out) { *out << bad.name; }
class BadCalls : public ::testing::TestWithParam<Bad> {};

TEST_P(BadCalls, AreRefusedWithAnExplanationAndChangeNothing) {
  Sums sums;
  const std::string id = sums.begin_with(1);
  std::string parameters = GetParam().parameters;
  if (const auto place = parameters.find("ID"); place != std::string::npos)
    parameters.replace(place, 2, id);
  const HttpResponse response = sums.send(parameters, GetParam().inputs);
  EXPECT_EQ(response.status, 400u) << as_text(response.body);
  EXPECT_NE(error_of(response).find(GetParam().told), std::string::npos) << error_of(response);
  EXPECT_EQ(sums.engines->runs, GetParam().runs);
  EXPECT_EQ(Sums::sum_of(sums.step(id, 2)), 3);
}

std::string state(const std::string& list) {
  return R"("sequence_start":true,"sequence_state":)" + list;
}

INSTANTIATE_TEST_SUITE_P(
    All, BadCalls,
    ::testing::Values(
        Bad{"AnIdThatIsANumber", R"("sequence_id":7)", x_of(1), "sequence_id"},
        Bad{"AnIdOfTheClientsChoice", kStart + R"(,"sequence_id":"mine")", x_of(1),
            "not the client's to choose"},
        Bad{"AStartThatIsNoBoolean", R"("sequence_start":1)", x_of(1), "sequence_start"},
        Bad{"AnEndOfNothing", R"("sequence_end":true)", x_of(1), "wants the sequence_id"},
        Bad{"AStartThatIsAnEnd", kStart + R"(,"sequence_end":true)", x_of(1), "plain request"},
        Bad{"AStartWithoutState", R"("sequence_start":true)", x_of(1), "wants sequence_state"},
        Bad{"StateLaterOn",
            R"("sequence_id":"ID","sequence_state":[{"output":"present","input":"past"}])", x_of(1),
            "at the start"},
        Bad{"StateThatIsNoList", state("{}"), x_of(1), "not an array"},
        Bad{"NoState", state("[]"), x_of(1), "no output becomes an input"},
        Bad{"StateOfWhat", state("[7]"), x_of(1), "sequence_state"},
        Bad{"StateFromNowhere", state(R"([{"output":"future","input":"past"}])"), x_of(1),
            "none of the model's: \"sum\", \"present\""},
        Bad{"StateToNowhere", state(R"([{"output":"present","input":"future"}])"), x_of(1),
            "none of the model's: \"x\", \"past\""},
        Bad{"StateWithMore", state(R"([{"output":"present","input":"past","axis":1}])"), x_of(1),
            "axis"},
        Bad{"AnOutputTwice",
            state(R"([{"output":"present","input":"past"},{"output":"present","input":"x"}])"), "",
            "named twice"},
        Bad{"AnInputTwice",
            state(R"([{"output":"present","input":"past"},{"output":"sum","input":"past"}])"),
            x_of(1), "named twice"},
        Bad{"AnInputThatIsMissing", R"("sequence_id":"ID")", "", "input \"x\" is missing"},
        Bad{"AnInputThatIsMissingAtTheStart", kStart, "", "input \"x\" is missing"},
        Bad{"StateThatIsSentAgain", R"("sequence_id":"ID")",
            x_of(1) + "," + input("past", "[1,1]", "[1]"), "not sent again"},
        Bad{"StateWithoutABeginning", state(R"([{"output":"sum","input":"x"}])"),
            input("past", "[1,1]", "[1]"), "send its first value"},
        Bad{"AnOutputThatDoesNotFit", state(R"([{"output":"present","input":"x"}])"),
            x_of(1) + "," + input("past", "[1,1]", "[1]"), "which input \"x\"", 2}),
    [](const auto& one) { return one.param.name; });

TEST(SequenceStore, LetsOneRequestAtATimeHoldASequence) {
  testing::FakeClock clock;
  crypto::SystemRandom random;
  SequenceStore store(ModelConfig(), clock, random);
  const std::vector<runtime::Port> ports = {{"s", DataType::Float32, {-1, -1}}};
  const auto fresh = [&] {
    return std::make_unique<runtime::Carried>(ports, ports, std::vector<runtime::Link>{{0, 0}});
  };
  std::string id;
  {
    auto hold = store.start(fresh());
    ASSERT_TRUE(hold);
    id = hold->id();
    EXPECT_EQ(store.take(id).error().code, ErrorCode::Unavailable);
    hold->keep();
  }
  {
    const auto hold = store.take(id);
    ASSERT_TRUE(hold);
    EXPECT_EQ(store.take(id).error().code, ErrorCode::Unavailable);
    clock.advance(1h);
    EXPECT_TRUE(store.take_idle().empty()) << "it is in use";
  }
  EXPECT_EQ(store.size(), 1u);
  clock.advance(1h);
  EXPECT_EQ(store.take_idle().size(), 1u);
  EXPECT_EQ(store.take(id).error().code, ErrorCode::NotFound);
  EXPECT_EQ(store.size(), 0u);
}

}  // namespace
}  // namespace torchkeep::worker
