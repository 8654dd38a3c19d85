#include "torchkeep/worker/infer_response.h"

#include <cmath>
#include <limits>

#include <gtest/gtest.h>

#include "torchkeep/json/json.h"
#include "torchkeep/worker/tensor_json.h"

namespace torchkeep::worker {
namespace {

using runtime::DataType;
using runtime::Port;
using runtime::Tensor;

template <typename T>
Tensor tensor_of(DataType type, runtime::Shape shape, std::vector<T> values) {
  Tensor tensor = Tensor::uninitialised(type, std::move(shape)).value();
  std::ranges::copy(values, tensor.elements<T>().begin());
  return tensor;
}

struct Answer {
  Answer() {
    tensors.push_back(tensor_of<float>(DataType::Float32, {1, 2}, {0.5F, -2.0F}));
    tensors.push_back(tensor_of<std::int64_t>(DataType::Int64, {2}, {1, -9007199254740993}));
  }
  Result<channel::HttpResponse> encode(std::vector<RequestedOutput> asked, std::string id = "") {
    return encode_infer_response({"m", 3, std::move(id), {}}, asked, ports, tensors);
  }
  std::vector<Port> ports = {{"y", DataType::Float32, {-1, 2}}, {"n", DataType::Int64, {2}}};
  std::vector<Tensor> tensors;
};

TEST(InferResponse, WritesJsonThatSaysWhatTheTensorsHold) {
  Answer answer;
  const auto response = answer.encode({{1, false}, {0, false}}, "a\"b");
  ASSERT_TRUE(response) << response.error();
  const auto value = json::parse(as_text(response->body)).value();
  EXPECT_EQ(value["model_name"], "m");
  EXPECT_EQ(value["model_version"], "3");
  EXPECT_EQ(value["id"], "a\"b");
  ASSERT_EQ(value["outputs"].size(), 2u);
  EXPECT_EQ(value["outputs"][0]["name"], "n");
  EXPECT_EQ(value["outputs"][0]["data"], (json::Json{1, -9007199254740993}));
  EXPECT_EQ(value["outputs"][1]["datatype"], "FP32");
  EXPECT_EQ(value["outputs"][1]["shape"], (json::Json{1, 2}));
  EXPECT_EQ(value["outputs"][1]["data"], (json::Json{0.5, -2.0}));
  EXPECT_EQ(response->find_header("inference-header-content-length"), nullptr);
  EXPECT_EQ(*response->find_header("content-type"), "application/json");
}

TEST(InferResponse, PutsBinaryOutputsBehindTheJsonInTheOrderAskedFor) {
  Answer answer;
  const auto response = answer.encode({{1, true}, {0, true}});
  ASSERT_TRUE(response) << response.error();
  const std::size_t head = std::stoul(*response->find_header("inference-header-content-length"));
  const auto value = json::parse(as_text(ByteView(response->body).first(head))).value();
  EXPECT_FALSE(value.contains("id"));
  EXPECT_EQ(value["outputs"][0]["parameters"]["binary_data_size"], 16);
  EXPECT_EQ(value["outputs"][1]["parameters"]["binary_data_size"], 8);
  ASSERT_EQ(response->body.size(), head + 24);
  EXPECT_TRUE(equal(ByteView(response->body).subspan(head, 16), answer.tensors[1].data));
  EXPECT_TRUE(equal(ByteView(response->body).subspan(head + 16), answer.tensors[0].data));
}

TEST(InferResponse, MixesBothForms) {
  Answer answer;
  const auto response = answer.encode({{0, false}, {1, true}});
  ASSERT_TRUE(response);
  const std::size_t head = std::stoul(*response->find_header("inference-header-content-length"));
  const auto value = json::parse(as_text(ByteView(response->body).first(head))).value();
  EXPECT_EQ(value["outputs"][0]["data"].size(), 2u);
  EXPECT_FALSE(value["outputs"][0].contains("parameters"));
  EXPECT_EQ(response->body.size(), head + 16);
}

TEST(InferResponse, SaysThatJsonCannotHoldWhatIsNotFinite) {
  for (const float value : {std::numeric_limits<float>::quiet_NaN(), -INFINITY}) {
    Answer answer;
    answer.tensors[0] = tensor_of<float>(DataType::Float32, {1, 2}, {0, value});
    const auto response = answer.encode({{0, false}});
    ASSERT_FALSE(response);
    EXPECT_NE(response.error().message.find("ask for binary_data"), std::string::npos);
    EXPECT_TRUE(answer.encode({{0, true}}));
  }
}

TEST(InferResponse, ReplacesBytesThatAreNoUtf8) {
  const auto response = error_response(400, "input \"\xff\" is missing");
  EXPECT_TRUE(json::parse(as_text(response.body)));
}

// What was written is read back as it was, for each type.
template <typename T>
void expect_round_trip(DataType type, std::vector<T> values) {
  const auto count = static_cast<std::int64_t>(values.size());
  const Tensor tensor = tensor_of<T>(type, {count}, values);
  SecretBuffer written;
  ASSERT_TRUE(append_json_tensor(written, tensor));
  const auto read = parse_json_tensor(as_text(written), type, {count});
  ASSERT_TRUE(read) << read.error();
  EXPECT_TRUE(equal(read->data, tensor.data)) << as_text(written);
}

TEST(TensorJson, GivesBackEveryTypeAsItWas) {
  expect_round_trip<float>(DataType::Float32, {0, -0.0F, 1e-45F, 3.4028235e38F, 0.1F, -1.0F / 3});
  expect_round_trip<double>(DataType::Float64, {0, 5e-324, 1.7976931348623157e308, 0.1, -1.0 / 3});
  expect_round_trip<std::uint8_t>(DataType::UInt8, {0, 1, 255});
  expect_round_trip<std::int8_t>(DataType::Int8, {-128, 0, 127});
  expect_round_trip<std::int32_t>(DataType::Int32, {INT32_MIN, 0, INT32_MAX});
  expect_round_trip<std::int64_t>(DataType::Int64, {INT64_MIN, 0, INT64_MAX});
  Tensor truths = Tensor::uninitialised(DataType::Bool, {2}).value();
  truths.data = {1, 0};
  SecretBuffer written;
  ASSERT_TRUE(append_json_tensor(written, truths));
  EXPECT_EQ(as_text(written), "[true,false]");
  EXPECT_TRUE(equal(parse_json_tensor("[true,false]", DataType::Bool, {2})->data, truths.data));
}

TEST(TensorJson, RefusesNumbersThatTheirTypeDoesNotHold) {
  EXPECT_FALSE(parse_json_tensor("[256]", DataType::UInt8, {1}));
  EXPECT_FALSE(parse_json_tensor("[-1]", DataType::UInt8, {1}));
  EXPECT_FALSE(parse_json_tensor("[128]", DataType::Int8, {1}));
  EXPECT_FALSE(parse_json_tensor("[2147483648]", DataType::Int32, {1}));
  EXPECT_FALSE(parse_json_tensor("[1e309]", DataType::Float64, {1}));
  EXPECT_FALSE(parse_json_tensor("[1]", DataType::Bool, {1}));
  EXPECT_FALSE(parse_json_tensor("[truth]", DataType::Bool, {1}));
  EXPECT_TRUE(parse_json_tensor("[-0]", DataType::UInt8, {1}));
}

TEST(TensorJson, ReadsAScalarAsAnArrayOfOne) {
  EXPECT_TRUE(parse_json_tensor("[7]", DataType::Int32, {}));
  EXPECT_FALSE(parse_json_tensor("[7,8]", DataType::Int32, {}));
}

}  // namespace
}  // namespace torchkeep::worker
