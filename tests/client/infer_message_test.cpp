#include "torchkeep/client/infer_message.h"

#include <gtest/gtest.h>

#include "torchkeep/json/json.h"
#include "torchkeep/keys/messages.h"

#include "tests/support/files.h"

namespace torchkeep::client {
namespace {

constexpr std::string_view kLengthHeader = "inference-header-content-length";

SecretBuffer buffer(ByteView bytes) { return {bytes.begin(), bytes.end()}; }

Tensor tensor(std::string name, std::string datatype, std::vector<std::uint64_t> shape,
              std::size_t bytes) {
  Tensor out{std::move(name), std::move(datatype), std::move(shape), {}};
  for (std::size_t i = 0; i < bytes; ++i) out.data.push_back(static_cast<std::uint8_t>(i));
  return out;
}

/// The recorded request of another client of the protocol, by its id.
struct Recorded {
  json::Json head;
  Bytes body;
  std::size_t head_bytes = 0;
};
Recorded recorded(std::string_view id) {
  const json::Json all =
      json::parse(as_text(testing::load_vector("client/vectors/oip/requests.json"))).value();
  for (const json::Json& request : all) {
    if (request.at("id") != id) continue;
    Recorded out;
    out.head = request.at("json_part");
    out.body = decode_base64(request.at("body_base64").get<std::string>()).value();
    for (const json::Json& line : request.at("request_head")) {
      const auto text = line.get<std::string>();
      if (text.starts_with(kLengthHeader)) out.head_bytes = std::stoul(text.substr(text.find(' ')));
    }
    return out;
  }
  ADD_FAILURE() << "no vector " << id;
  return {};
}

TEST(InferRequest, HasTheShapeOfAnotherClientsOfTheProtocol) {
  const Recorded other = recorded("infer_binary_default_outputs");
  const ByteView data = ByteView(other.body).subspan(other.head_bytes);
  const Tensor input{"INPUT0", "FP32", {1, 4}, buffer(data)};
  const auto request = encode_infer_request("m", 1, std::vector{input});
  ASSERT_TRUE(request) << request.error();
  const std::string* length = request->find_header(kLengthHeader);
  ASSERT_NE(length, nullptr);
  const std::size_t head_bytes = std::stoul(*length);
  const ByteView body = request->body;
  EXPECT_EQ(json::parse(as_text(body.first(head_bytes))).value(), other.head);
  EXPECT_TRUE(equal(body.subspan(head_bytes), data));
  EXPECT_EQ(request->method, "POST");
  EXPECT_EQ(request->target, "/v2/models/m/versions/1/infer");
}

TEST(InferRequest, LinesUpSeveralInputs) {
  const std::vector<Tensor> inputs = {tensor("a", "INT64", {2}, 16), tensor("b", "BOOL", {3}, 3),
                                      tensor("none", "FP32", {0, 7}, 0)};
  const auto request = encode_infer_request("bert", 3, inputs);
  ASSERT_TRUE(request) << request.error();
  const std::size_t head_bytes = std::stoul(*request->find_header(kLengthHeader));
  const ByteView data = ByteView(request->body).subspan(head_bytes);
  ASSERT_EQ(data.size(), 19u);
  EXPECT_TRUE(equal(data.first(16), inputs[0].data));
  EXPECT_TRUE(equal(data.subspan(16), inputs[1].data));
}

TEST(InferRequest, NamesAnOperatorAndTheOutputsThatAreWanted) {
  const auto request = encode_infer_request("m", 1, std::vector{tensor("x", "FP32", {1}, 4)},
                                            {"layer1.0/\"%:\xc3\xbc", {"last_h"}});
  ASSERT_TRUE(request) << request.error();
  EXPECT_EQ(request->target, "/v2/models/m/versions/1/operators/layer1.0%2f%22%25%3a%c3%bc/infer");
  const std::size_t head_bytes = std::stoul(*request->find_header(kLengthHeader));
  const auto head = json::parse(as_text(ByteView(request->body).first(head_bytes))).value();
  EXPECT_EQ(head["outputs"], json::parse(R"([{"name":"last_h"}])").value());
}

TEST(InferRequest, SaysWhichStateASequenceKeeps) {
  const auto head_of = [](std::span<const Tensor> inputs, SequenceCall call) {
    Callee callee;
    callee.sequence = std::move(call);
    const auto request = encode_infer_request("m", 1, inputs, callee);
    const std::size_t bytes = std::stoul(*request->find_header(kLengthHeader));
    return json::parse(as_text(ByteView(request->body).first(bytes))).value();
  };
  const std::vector<Tensor> inputs = {tensor("x", "FP32", {1}, 4)};
  const auto parameters = [](std::string_view text) { return json::parse(text).value(); };
  EXPECT_EQ(head_of(inputs, {"", {{"present", "past"}}, false})["parameters"],
            parameters(R"({"binary_data_output":true,"sequence_start":true,)"
                       R"("sequence_state":[{"output":"present","input":"past"}]})"));
  EXPECT_EQ(head_of(inputs, {"12ab", {}, false})["parameters"],
            parameters(R"({"binary_data_output":true,"sequence_id":"12ab"})"));
  const auto last = head_of(inputs, {"12ab", {}, true}), end = head_of({}, {"12ab", {}, true});
  EXPECT_EQ(last["parameters"],
            parameters(R"({"binary_data_output":true,"sequence_id":"12ab","sequence_end":true})"));
  EXPECT_TRUE(last.contains("inputs"));
  EXPECT_FALSE(end.contains("inputs"));
}

TEST(InferRequest, RefusesWhatDoesNotFit) {
  const auto code = [](std::string_view model, Tensor input) {
    const auto request = encode_infer_request(model, 1, std::vector{std::move(input)});
    return request ? ErrorCode::Internal : request.error().code;
  };
  EXPECT_EQ(code("../admin", tensor("a", "FP32", {1}, 4)), ErrorCode::InvalidArgument);
  EXPECT_EQ(code("m", tensor("", "FP32", {1}, 4)), ErrorCode::InvalidArgument);
  EXPECT_EQ(code("m", tensor("a", "FP32", {1}, 5)), ErrorCode::InvalidArgument);
  EXPECT_EQ(code("m", tensor("a", "FP32", {2, 3}, 4)), ErrorCode::InvalidArgument);
  EXPECT_EQ(code("m", tensor("a", "BYTES", {1}, 4)), ErrorCode::InvalidArgument);
  EXPECT_EQ(code("m", tensor("a", "fp32", {1}, 4)), ErrorCode::InvalidArgument);
  EXPECT_EQ(code("m", tensor("a", "FP64", {1ull << 32, 1ull << 32}, 4)),
            ErrorCode::InvalidArgument);
}

TEST(InferRequest, NamesTheInputThatDoesNotFit) {
  const auto request = encode_infer_request("m", 1, std::vector{tensor("mask", "INT8", {2}, 3)});
  EXPECT_NE(request.error().message.find("\"mask\" has 3 bytes, its shape takes 2"),
            std::string::npos);
}

TEST(Datatypes, AreTheProtocols) {
  const std::pair<const char*, std::size_t> sizes[] = {
      {"BOOL", 1}, {"UINT8", 1}, {"UINT16", 2}, {"UINT32", 4}, {"UINT64", 8},
      {"INT8", 1}, {"INT16", 2}, {"INT32", 4},  {"INT64", 8},  {"FP16", 2},
      {"BF16", 2}, {"FP32", 4},  {"FP64", 8}};
  for (const auto& [name, bytes] : sizes) EXPECT_EQ(datatype_bytes(name).value(), bytes) << name;
  for (const char* name : {"", "BYTES", "FP8", "float32", "INT"}) {
    EXPECT_EQ(datatype_bytes(name).error().code, ErrorCode::InvalidArgument) << name;
  }
}

constexpr std::string_view kOne =
    R"({"model_name":"m","outputs":[{"datatype":"FP32","name":"logits","parameters":)"
    R"({"binary_data_size":8},"shape":[1,2]}]})";

channel::HttpResponse response(std::string_view head, ByteView data) {
  channel::HttpResponse out;
  out.headers = {{std::string(kLengthHeader), std::to_string(head.size())}};
  out.body.assign(head.begin(), head.end());
  out.body.insert(out.body.end(), data.begin(), data.end());
  return out;
}

TEST(InferResponse, YieldsItsOutputs) {
  const auto answer = parse_infer_response(response(kOne, Bytes{1, 2, 3, 4, 5, 6, 7, 8}));
  ASSERT_TRUE(answer) << answer.error();
  EXPECT_EQ(answer->sequence_id, "");
  const auto* const outputs = &answer->outputs;
  ASSERT_EQ(outputs->size(), 1u);
  EXPECT_EQ((*outputs)[0].name, "logits");
  EXPECT_EQ((*outputs)[0].datatype, "FP32");
  EXPECT_EQ((*outputs)[0].shape, (std::vector<std::uint64_t>{1, 2}));
  EXPECT_TRUE(equal((*outputs)[0].data, Bytes{1, 2, 3, 4, 5, 6, 7, 8}));
}

TEST(InferResponse, MayHaveNoOutputs) {
  const auto outputs = parse_infer_response(response(R"({"outputs":[]})", {}));
  ASSERT_TRUE(outputs) << outputs.error();
  EXPECT_TRUE(outputs->outputs.empty());
}

TEST(InferResponse, NamesItsSequence) {
  const auto answer = parse_infer_response(
      response(R"({"outputs":[],"parameters":{"sequence_id":"12ab","more":1}})", {}));
  ASSERT_TRUE(answer) << answer.error();
  EXPECT_EQ(answer->sequence_id, "12ab");
}

struct BadResponse {
  const char* name;
  std::string head;
  std::size_t data_bytes;
  const char* says;
};

class BadResponses : public ::testing::TestWithParam<BadResponse> {};

TEST_P(BadResponses, AreMalformed) {
  const auto outputs =
      parse_infer_response(response(GetParam().head, Bytes(GetParam().data_bytes)));
  ASSERT_FALSE(outputs);
  EXPECT_EQ(outputs.error().code, ErrorCode::Malformed);
  EXPECT_NE(outputs.error().message.find(GetParam().says), std::string::npos) << outputs.error();
}

std::string output(std::string_view fields) {
  return text(R"({"outputs":[{"name":"y",)", fields, "}]}");
}

INSTANTIATE_TEST_SUITE_P(
    Client, BadResponses,
    ::testing::Values(
        BadResponse{"ASequenceThatIsANumber", R"({"outputs":[],"parameters":{"sequence_id":12}})",
                    0, "sequence_id"},
        BadResponse{"ParametersThatAreNone", R"({"outputs":[],"parameters":[]})", 0, "parameters"},
        BadResponse{"NoJson", "{", 0, "JSON"}, BadResponse{"NoOutputs", "{}", 0, "outputs"},
        BadResponse{"OutputsAreNone", R"({"outputs":5})", 0, "outputs"},
        BadResponse{"OutputIsANumber", R"({"outputs":[5]})", 0, "output"},
        BadResponse{"NoName", R"({"outputs":[{"datatype":"FP32"}]})", 0, "name"},
        BadResponse{"NoDatatype", output(R"("shape":[1])"), 0, "datatype"},
        BadResponse{"UnknownDatatype",
                    output(R"("datatype":"FP8","shape":[1],"parameters":{"binary_data_size":1})"),
                    1, "FP8"},
        BadResponse{"JsonData", output(R"("datatype":"FP32","shape":[1],"data":[0.5])"), 0,
                    "parameters"},
        BadResponse{"NegativeSide",
                    output(R"("datatype":"INT8","shape":[-1],"parameters":{"binary_data_size":1})"),
                    1, "shape"},
        BadResponse{"SizeIsNotTheShapes",
                    output(R"("datatype":"FP32","shape":[2],"parameters":{"binary_data_size":4})"),
                    4, "\"y\" has 4 bytes, its shape takes 8"},
        BadResponse{"SizeBeyondTheBody",
                    output(R"("datatype":"FP32","shape":[2],"parameters":{"binary_data_size":8})"),
                    7, "ends before"},
        BadResponse{"ShapeBeyondCounting",
                    output(R"("datatype":"FP64","shape":[4294967296,4294967296],)"
                           R"("parameters":{"binary_data_size":0})"),
                    0, "64 bits"},
        BadResponse{"BytesLeftOver", std::string(kOne), 9, "1 bytes"},
        BadResponse{"DatatypeTwice", R"({"outputs":[],"outputs":[]})", 0, "twice"}),
    [](const auto& param) { return param.param.name; });

TEST(InferResponse, RefusesALengthThatIsNone) {
  for (const char* length : {"", "-1", "+5", "1e3", "0x10", " 5", "5 ", "99999999999999999999"}) {
    channel::HttpResponse bad = response(kOne, Bytes(8));
    bad.headers = {{std::string(kLengthHeader), length}};
    EXPECT_EQ(parse_infer_response(bad).error().code, ErrorCode::Malformed) << length;
  }
  channel::HttpResponse longer = response(kOne, Bytes(8));
  longer.headers = {{std::string(kLengthHeader), std::to_string(longer.body.size() + 1)}};
  EXPECT_EQ(parse_infer_response(longer).error().code, ErrorCode::Malformed);
  longer.headers.clear();
  EXPECT_EQ(parse_infer_response(longer).error().code, ErrorCode::Malformed);
}

TEST(InferResponse, PassesTheWorkersRefusalOn) {
  channel::HttpResponse refused;
  refused.status = 503;
  const Bytes body = keys::encode_refusal(ErrorCode::Unavailable, "", "12");
  refused.body.assign(body.begin(), body.end());
  const auto outputs = parse_infer_response(refused);
  EXPECT_EQ(outputs.error().code, ErrorCode::Unavailable);
  EXPECT_NE(outputs.error().message.find("request 12"), std::string::npos);
}

}  // namespace
}  // namespace torchkeep::client
