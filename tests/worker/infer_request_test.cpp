#include "torchkeep/worker/infer_request.h"

#include <cstring>

#include <gtest/gtest.h>

#include "torchkeep/base/encoding.h"
#include "torchkeep/json/json.h"

#include "tests/support/files.h"

namespace torchkeep::worker {
namespace {

using runtime::DataType;
using runtime::Port;

const std::vector<Port> kInputs = {{"a", DataType::Float32, {-1, 2}}, {"n", DataType::Int64, {3}}};
const std::vector<Port> kOutputs = {{"y", DataType::Float32, {-1, 2}}, {"z", DataType::Bool, {}}};

// Parts of requests that are in order; each bad one spoils one thing.
const std::string kA = R"({"name":"a","datatype":"FP32","shape":[1,2],"data":[0.5,-1e2]})";
const std::string kN =
    R"({"name":"n","datatype":"INT64","shape":[3],"data":[1,-2,9007199254740993]})";
std::string request_of(const std::string& inputs, const std::string& more = "") {
  return "{\"inputs\":[" + inputs + "]" + more + "}";
}

Result<InferRequest> parse(const std::string& body, std::optional<std::size_t> json_bytes = {}) {
  return parse_infer_request(as_bytes(body), json_bytes, kInputs, kOutputs);
}

template <typename T>
std::vector<T> elements(const runtime::Tensor& tensor) {
  const auto view = tensor.elements<T>();
  return {view.begin(), view.end()};
}

TEST(InferRequest, ReadsJsonTensorsInTheOrderOfTheModel) {
  const auto request = parse(request_of(kN + "," + kA, R"(,"id":"42")"));
  ASSERT_TRUE(request) << request.error();
  EXPECT_EQ(request->id, "42");
  ASSERT_EQ(request->inputs.size(), 2u);
  EXPECT_EQ(elements<float>(request->inputs[0]), (std::vector<float>{0.5F, -100.0F}));
  EXPECT_EQ(request->inputs[0].shape, (runtime::Shape{1, 2}));
  // Above 2^53: a detour through a floating-point number would lose it.
  EXPECT_EQ(elements<std::int64_t>(request->inputs[1]),
            (std::vector<std::int64_t>{1, -2, 9007199254740993}));
}

TEST(InferRequest, ReadsNestedDataAsItsShapeSays) {
  const auto request = parse(
      request_of(R"({"name":"a","datatype":"FP32","shape":[2,2],"data":[ [1, 2] , [3,4]]},)" + kN));
  ASSERT_TRUE(request) << request.error();
  EXPECT_EQ(elements<float>(request->inputs[0]), (std::vector<float>{1, 2, 3, 4}));
}

TEST(InferRequest, ReadsBinaryTensorsBehindTheJson) {
  const std::string json = request_of(
      R"({"name":"a","datatype":"FP32","shape":[1,2],"parameters":{"binary_data_size":8}},)" + kN,
      R"(,"parameters":{"binary_data_output":true})");
  std::string body = json + std::string(8, '\0');
  const float values[] = {1.5F, -2.25F};
  std::memcpy(body.data() + json.size(), values, 8);
  const auto request = parse(body, json.size());
  ASSERT_TRUE(request) << request.error();
  EXPECT_EQ(elements<float>(request->inputs[0]), (std::vector<float>{1.5F, -2.25F}));
  ASSERT_EQ(request->outputs.size(), 2u);
  EXPECT_TRUE(request->outputs[0].binary);
  EXPECT_TRUE(request->outputs[1].binary);
}

TEST(InferRequest, SelectsTheOutputsThatAreNamed) {
  const auto request = parse(request_of(
      kA + "," + kN,
      R"(,"outputs":[{"name":"z","parameters":{"binary_data":false}},{"name":"y"}],"parameters":{"binary_data_output":true,"priority":3})"));
  ASSERT_TRUE(request) << request.error();
  ASSERT_EQ(request->outputs.size(), 2u);
  EXPECT_EQ(request->outputs[0].index, 1u);
  EXPECT_FALSE(request->outputs[0].binary);
  EXPECT_EQ(request->outputs[1].index, 0u);
  EXPECT_TRUE(request->outputs[1].binary);
}

TEST(InferRequest, TakesNumbersAtTheEdgesOfTheirTypes) {
  const auto request = parse(request_of(
      R"({"name":"a","datatype":"FP32","shape":[3,2],"data":[3.4028235e38,-0,1e-60,1E+2,0.1e1,1e-45]},)"
      R"({"name":"n","datatype":"INT64","shape":[3],"data":[-9223372036854775808,9223372036854775807,-0]})"));
  ASSERT_TRUE(request) << request.error();
  EXPECT_EQ(elements<float>(request->inputs[0]),
            (std::vector<float>{3.4028235e38F, -0.0F, 0.0F, 100.0F, 1.0F, 1e-45F}));
  EXPECT_EQ(elements<std::int64_t>(request->inputs[1])[0],
            std::numeric_limits<std::int64_t>::min());
}

TEST(InferRequest, TakesAnEmptyBatch) {
  for (const char* data : {"[]", "[ ]"}) {
    const auto request = parse(request_of(R"({"name":"a","datatype":"FP32","shape":[0,2],"data":)" +
                                          std::string(data) + "}," + kN));
    ASSERT_TRUE(request) << request.error();
    EXPECT_TRUE(request->inputs[0].data.empty());
  }
}

struct BadRequest {
  const char* name;
  std::string body;
  const char* told;  ///< What the client reads, in part.
};

std::string with_a(const std::string& a) { return request_of(a + "," + kN); }
std::string with_data(const std::string& data) {
  return with_a(R"({"name":"a","datatype":"FP32","shape":[1,2],"data":)" + data + "}");
}
std::string with_n(const std::string& data) {
  return request_of(kA + R"(,{"name":"n","datatype":"INT64","shape":[3],"data":)" + data + "}");
}
std::string with_outputs(const std::string& outputs) {
  return request_of(kA + "," + kN, ",\"outputs\":" + outputs);
}

void PrintTo(const BadRequest& bad, std::ostream* out) { *out << bad.name; }

class BadRequests : public ::testing::TestWithParam<BadRequest> {};

TEST_P(BadRequests, AreRefusedWithAnExplanation) {
  const auto request = parse(GetParam().body);
  ASSERT_FALSE(request);
  EXPECT_EQ(request.error().code, ErrorCode::Malformed);
  EXPECT_NE(request.error().message.find(GetParam().told), std::string::npos) << request.error();
}

INSTANTIATE_TEST_SUITE_P(
    Json, BadRequests,
    ::testing::Values(
        BadRequest{"NoJson", "hello", "JSON"}, BadRequest{"Nothing", "", "JSON"},
        BadRequest{"AnArray", "[]", "not a JSON object"},
        BadRequest{"CutShort", request_of(kA).substr(0, 60), "does not close"},
        BadRequest{"CutInAString", R"({"inputs":[{"name":"a)", "does not close"},
        BadRequest{"SomethingBehindIt", request_of(kA + "," + kN) + "x", "JSON"},
        BadRequest{"NoUtf8", "{\"id\":\"\xff\",\"inputs\":[]}", "JSON"},
        BadRequest{"ARepeatedField", request_of(kA + "," + kN, R"(,"id":"1","id":"2")"), "twice"},
        BadRequest{"AnUnknownField", request_of(kA + "," + kN, R"(,"inputz":1)"), "inputz"},
        BadRequest{"AnIdThatIsANumber", request_of(kA + "," + kN, R"(,"id":7)"), "id"},
        BadRequest{"AnIdWithoutEnd",
                   request_of(kA + "," + kN, R"(,"id":")" + std::string(2000, 'x') + "\""), "1024"},
        BadRequest{"DeepNesting", std::string(100, '['), "32 levels"},
        BadRequest{"DeepData", with_data(std::string(100, '[')), "32 levels"},
        BadRequest{"NoInputs", "{}", "inputs"},
        BadRequest{"InputsThatAreNoArray", R"({"inputs":{}})", "not an array"},
        BadRequest{"ASequenceWithoutItsInputs", R"({"parameters":{"sequence_id":"1"}})", "inputs"},
        BadRequest{"ASequenceWhoseStateHasTwoTypes",
                   request_of(kA + "," + kN, R"(,"parameters":{"sequence_start":true,)"
                                             R"("sequence_state":[{"output":"y","input":"n"}]})"),
                   "cannot become input"},
        BadRequest{"ADefaultThatIsNoBoolean",
                   request_of(kA + "," + kN, R"(,"parameters":{"binary_data_output":1})"),
                   "binary_data_output"}),
    [](const auto& one) { return one.param.name; });

INSTANTIATE_TEST_SUITE_P(
    Inputs, BadRequests,
    ::testing::Values(
        BadRequest{"AMissingInput", request_of(kA), "input \"n\" is missing"},
        BadRequest{"AnInputTwice", request_of(kA + "," + kA + "," + kN), "occurs twice"},
        BadRequest{"AnUnknownInput",
                   with_a(R"({"name":"b","datatype":"FP32","shape":[1,2],"data":[1,2]})"),
                   "none of the model's: \"a\", \"n\""},
        BadRequest{"AnInputWithoutName",
                   with_a(R"({"datatype":"FP32","shape":[1,2],"data":[1,2]})"), "name"},
        BadRequest{"AnotherDatatype",
                   with_a(R"({"name":"a","datatype":"FP64","shape":[1,2],"data":[1,2]})"),
                   "datatype FP64 found, FP32 wanted"},
        BadRequest{"AnotherRank",
                   with_a(R"({"name":"a","datatype":"FP32","shape":[2],"data":[1,2]})"),
                   "shape [2] found, [?, 2] wanted"},
        BadRequest{"AnotherSide",
                   with_a(R"({"name":"a","datatype":"FP32","shape":[1,3],"data":[1,2,3]})"),
                   "shape [1, 3] found"},
        BadRequest{"ANegativeSide",
                   with_a(R"({"name":"a","datatype":"FP32","shape":[-1,2],"data":[1,2]})"),
                   "shape"},
        BadRequest{"ASideThatIsNoNumber",
                   with_a(R"({"name":"a","datatype":"FP32","shape":["1",2],"data":[1,2]})"),
                   "shape"},
        BadRequest{
            "AShapeWithoutMeasure",
            with_a(R"({"name":"a","datatype":"FP32","shape":[1000000000000,2],"data":[1,2]})"),
            "2^40"},
        BadRequest{
            "AShapeThatReservesMemory",
            with_a(R"({"name":"a","datatype":"FP32","shape":[100000000000,2],"data":[1,2]})"),
            "too short"},
        BadRequest{"NoData", with_a(R"({"name":"a","datatype":"FP32","shape":[1,2]})"), "either"},
        BadRequest{"SharedMemory",
                   with_a(R"({"name":"a","datatype":"FP32","shape":[1,2],"parameters":)"
                          R"({"shared_memory_region":"r"}})"),
                   "shared_memory_region"},
        BadRequest{"ASizeThatIsNoNumber",
                   with_a(R"({"name":"a","datatype":"FP32","shape":[1,2],"parameters":)"
                          R"({"binary_data_size":"8"}})"),
                   "binary_data_size"},
        BadRequest{
            "DataTwice",
            with_a(R"({"name":"a","datatype":"FP32","shape":[1,2],"data":[1,2],"data":[1,2]})"),
            "twice"},
        BadRequest{"DataAndSize",
                   with_a(R"({"name":"a","datatype":"FP32","shape":[1,2],"data":[1,2],)"
                          R"("parameters":{"binary_data_size":8}})"),
                   "either"},
        BadRequest{"DataInDisguise",
                   with_a(R"({"name":"a","datatype":"FP32","shape":[1,2],"d\u0061ta":[1,2]})"),
                   "data"},
        BadRequest{
            "DataOfAnother",
            request_of(R"({"name":"a","datatype":"FP32","shape":[1,2],"d\u0061ta":7},)" + kN),
            "spelt plainly"},
        BadRequest{"AnUnknownFieldOfAnInput",
                   with_a(R"({"name":"a","datatype":"FP32","shape":[1,2],"data":[1,2],"x":1})"),
                   "x"}),
    [](const auto& one) { return one.param.name; });

INSTANTIATE_TEST_SUITE_P(
    Data, BadRequests,
    ::testing::Values(
        BadRequest{"TooFew", with_data("[1]"), "behind element 1"},
        BadRequest{"TooMany", with_data("[1,2,3]"), "behind element 2"},
        BadRequest{"AString", with_data("[\"1\",2]"), "holds a string"},
        BadRequest{"NoArray", with_data("1"), "not an array"},
        BadRequest{"AnObject", with_data("{}"), "not an array"},
        BadRequest{"ANull", with_data("[null,1]"), "element 0 is not a number"},
        BadRequest{"ATruth", with_data("[true,1]"), "element 0 is not a number"},
        BadRequest{"NoNumber", with_data("[NaN,1]"), "element 0 is not a number"},
        BadRequest{"Infinity", with_data("[1,inf]"), "element 1 is not a number"},
        BadRequest{"Overflow", with_data("[1,1e39]"), "element 1 is out of its type's range"},
        BadRequest{"ALeadingZero", with_data("[01,1]"), "behind element 1"},
        BadRequest{"ALeadingPlus", with_data("[+1,1]"), "element 0 is not a number"},
        BadRequest{"ALeadingPoint", with_data("[.5,1]"), "element 0 is not a number"},
        BadRequest{"ATrailingPoint", with_data("[5.,1]"), "element 0 is not a number"},
        BadRequest{"AnEmptyExponent", with_data("[5e,1]"), "element 0 is not a number"},
        BadRequest{"Hexadecimal", with_data("[0x1,1]"), "behind element 1"},
        BadRequest{"ATrailingComma", with_data("[1,2,]"), "behind element 2"},
        BadRequest{"NoComma", with_data("[1 2]"), "behind element 1"},
        BadRequest{"NestedTooShallow",
                   with_a(R"({"name":"a","datatype":"FP32","shape":[2,2],"data":[[1,2],3,4]})"),
                   "neither flat nor nested"},
        BadRequest{"NestedTooDeep", with_data("[[[1],[2]]]"), "element 0 is not a number"},
        BadRequest{"NestedUnevenly",
                   with_a(R"({"name":"a","datatype":"FP32","shape":[2,2],"data":[[1,2,3],[4]]})"),
                   "2 elements"},
        BadRequest{"NestedWithTooManyRows", with_data("[[1,2],[3,4]]"), "1 elements"},
        BadRequest{"AFractionOfAWhole", with_n("[1,2,3.5]"), "element 2 is not a whole number"},
        BadRequest{"AnExponentOfAWhole", with_n("[1,2,3e0]"), "element 2 is not a whole number"},
        BadRequest{"AboveItsType", with_n("[1,2,9223372036854775808]"), "out of its type's range"}),
    [](const auto& one) { return one.param.name; });

INSTANTIATE_TEST_SUITE_P(
    Outputs, BadRequests,
    ::testing::Values(
        BadRequest{"AnUnknownOutput", with_outputs(R"([{"name":"q"}])"), "none of the model's"},
        BadRequest{"AnOutputTwice", with_outputs(R"([{"name":"y"},{"name":"y"}])"), "twice"},
        BadRequest{"AnOutputWithoutName", with_outputs("[{}]"), "name"},
        BadRequest{"NoArray", with_outputs("{}"), "not an array"},
        BadRequest{"Classification",
                   with_outputs(R"([{"name":"y","parameters":{"classification":3}}])"),
                   "does not classify"},
        BadRequest{"SharedMemory",
                   with_outputs(R"([{"name":"y","parameters":{"shared_memory_region":"r"}}])"),
                   "shared_memory_region"}),
    [](const auto& one) { return one.param.name; });

struct BadBinary {
  const char* name;
  const char* datatype;
  std::uint64_t stated_bytes;
  std::size_t bytes;
  char fill;
  int json_bytes_off;
  const char* told;
};

void PrintTo(const BadBinary& bad, std::ostream* out) { *out << bad.name; }

class BadBinaries : public ::testing::TestWithParam<BadBinary> {};

TEST_P(BadBinaries, AreRefusedWithAnExplanation) {
  const BadBinary& bad = GetParam();
  const std::vector<Port> inputs = {{"b", runtime::parse_data_type(bad.datatype).value(), {-1}}};
  const std::string json = R"({"inputs":[{"name":"b","shape":[4],"datatype":")" +
                           std::string(bad.datatype) + R"(","parameters":{"binary_data_size":)" +
                           std::to_string(bad.stated_bytes) + "}}]}";
  const std::string body = json + std::string(bad.bytes, bad.fill);
  const auto request = parse_infer_request(
      as_bytes(body), json.size() + static_cast<std::size_t>(bad.json_bytes_off), inputs, kOutputs);
  ASSERT_FALSE(request);
  EXPECT_EQ(request.error().code, ErrorCode::Malformed);
  EXPECT_NE(request.error().message.find(bad.told), std::string::npos) << request.error();
}

INSTANTIATE_TEST_SUITE_P(
    All, BadBinaries,
    ::testing::Values(
        BadBinary{"ASizeBelowItsShape", "FP32", 12, 12, 0, 0, "binary_data_size is 12"},
        BadBinary{"ASizeAboveItsShape", "FP32", 20, 20, 0, 0, "take 16"},
        BadBinary{"ABodyThatEndsTooSoon", "FP32", 16, 15, 0, 0, "ends after 15"},
        BadBinary{"ABodyThatGoesOn", "FP32", 16, 17, 0, 0, "1 bytes that no input owns"},
        BadBinary{"ABooleanOfTwo", "BOOL", 4, 4, 2, 0, "neither 0 nor 1"},
        BadBinary{"AHeaderLengthOneShort", "FP32", 16, 16, 0, -1, "does not close"},
        BadBinary{"AHeaderLengthOneLong", "FP32", 16, 16, 0, 1, "JSON"},
        BadBinary{"AHeaderLengthBehindTheBody", "FP32", 16, 16, 0, 17, "the body has"}),
    [](const auto& one) { return one.param.name; });

// What the official Python client sends.
TEST(RecordedRequests, ParseAsTheyShould) {
  const auto recorded =
      json::parse(as_text(testing::load_vector("worker/vectors/oip/requests.json"))).value();
  const std::vector<Port> outputs = {{"OUTPUT0", DataType::Float32, {-1, 4}}};
  unsigned seen = 0;
  for (const json::Json& one : recorded) {
    const std::string id = one["id"];
    if (!id.starts_with("infer_")) continue;
    ++seen;
    const Bytes body = decode_base64(one["body_base64"].get<std::string>()).value();
    std::optional<std::size_t> json_bytes;
    for (const std::string line : one["request_head"]) {
      constexpr std::string_view kHeader = "inference-header-content-length: ";
      if (line.starts_with(kHeader)) json_bytes = std::stoul(line.substr(kHeader.size()));
    }
    const bool integers = id == "infer_int64_classification";
    const std::vector<Port> inputs = {integers ? Port{"X", DataType::Int64, {2, 2}}
                                               : Port{"INPUT0", DataType::Float32, {-1, 4}}};
    const auto request = parse_infer_request(body, json_bytes, inputs, outputs);
    if (integers) {
      ASSERT_FALSE(request);  // A label instead of a tensor is not offered, and the client is told.
      EXPECT_NE(request.error().message.find("does not classify"), std::string::npos);
      continue;
    }
    ASSERT_TRUE(request) << id << ": " << request.error();
    const bool json = id == "infer_json_id_outputs_json";
    EXPECT_EQ(request->id, json ? "42" : "");
    EXPECT_EQ(request->outputs.size(), 1u);
    EXPECT_EQ(request->outputs[0].binary, !json);
    EXPECT_EQ(elements<float>(request->inputs[0]), (std::vector<float>{0.5F, 1.0F, -1.0F, 2.0F}));
  }
  EXPECT_EQ(seen, 3u);
}

}  // namespace
}  // namespace torchkeep::worker
