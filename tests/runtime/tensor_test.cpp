#include "torchkeep/runtime/tensor.h"

#include <gtest/gtest.h>

#include "torchkeep/runtime/graph/onnx_tensor.h"

#include "tests/runtime/graph_builder.h"

namespace torchkeep::runtime::testing {
namespace {

TEST(Tensor, TypesHaveTheProtocolsNames) {
  for (const std::int64_t number : {1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 12, 13, 16}) {
    const DataType type = data_type_of(number).value();
    EXPECT_EQ(parse_data_type(name_of(type)).value(), type);
  }
  for (const std::int64_t number : {-1, 0, 8, 14, 17, 99, 1001, 1002})
    EXPECT_FALSE(data_type_of(number).ok()) << number;
  for (const char* name : {"FP8", "BYTES", "SEQUENCE", "OPTIONAL"})
    EXPECT_EQ(parse_data_type(name).error().code, ErrorCode::InvalidArgument) << name;
}

TEST(Tensor, CountsElementsWithoutWrappingAround) {
  EXPECT_EQ(element_count({}).value(), 1u);
  EXPECT_EQ(element_count({2, 3, 4}).value(), 24u);
  EXPECT_EQ(element_count({2, 0, 4}).value(), 0u);
  EXPECT_FALSE(element_count({2, -1}).ok());
  EXPECT_FALSE(element_count({1LL << 62, 4}).ok());
  EXPECT_FALSE(element_count({0, 1LL << 62, 1LL << 62}).ok())
      << "zero must not hide an absurd neighbour";
  EXPECT_FALSE(byte_count(DataType::Float32, {1LL << 41}).ok());
}

TEST(Tensor, DescribesShapes) {
  EXPECT_EQ(describe({1, 3, -1}), "[1, 3, ?]");
  EXPECT_EQ(describe({}), "[]");
}

/// The elements of a TensorProto, read as T.
template <typename T>
Result<std::vector<T>> elements_of(const Message& message) {
  const onnx::TensorProto tensor = TRY(onnx::parse_tensor(message.view()));
  std::vector<T> out(tensor.byte_count / sizeof(T));
  TRY(onnx::copy_elements(tensor,
                          {reinterpret_cast<std::uint8_t*>(out.data()), tensor.byte_count}));
  return out;
}

TEST(OnnxTensor, ReadsElementsFromEveryField) {
  EXPECT_EQ(
      elements_of<float>(Message().number(1, 2).number(2, 1).real(4, 1.5F).real(4, -2)).value(),
      (std::vector<float>{1.5F, -2}));
  EXPECT_EQ(elements_of<std::int64_t>(
                Message().number(1, 2).number(2, 7).number(7, -3).number(7, 1LL << 40))
                .value(),
            (std::vector<std::int64_t>{-3, 1LL << 40}));
  EXPECT_EQ(elements_of<std::int32_t>(Message().number(1, 1).number(2, 6).number(5, -7)).value(),
            std::vector<std::int32_t>{-7});
  EXPECT_EQ(elements_of<std::int8_t>(Message().number(1, 1).number(2, 3).number(5, -7)).value(),
            std::vector<std::int8_t>{-7});
  EXPECT_EQ(elements_of<std::uint8_t>(Message().number(1, 2).number(2, 9).number(5, 2).number(5, 0))
                .value(),
            (std::vector<std::uint8_t>{1, 0}));
  const double half = 0.5;
  EXPECT_EQ(elements_of<double>(Message().number(1, 1).number(2, 11).bytes(
                                    10, raw_bytes(std::vector<double>{half})))
                .value(),
            std::vector<double>{half});
  EXPECT_EQ(elements_of<float>(raw_tensor(DataType::Float32, {1}, raw_bytes(std::vector<float>{3})))
                .value(),
            std::vector<float>{3});
}

struct Fault {
  const char* name;
  std::function<Message()> make;
};
class WrongTensors : public ::testing::TestWithParam<Fault> {};
TEST_P(WrongTensors, AreMalformed) {
  const auto elements = elements_of<float>(GetParam().make());
  ASSERT_FALSE(elements.ok());
  EXPECT_EQ(elements.error().code, ErrorCode::Malformed);
}
INSTANTIATE_TEST_SUITE_P(
    OnnxTensor, WrongTensors,
    ::testing::Values(
        Fault{"TooFewElements", [] { return Message().number(1, 2).number(2, 1).real(4, 1); }},
        Fault{"TooManyElements",
              [] { return Message().number(1, 1).number(2, 1).real(4, 1).real(4, 2); }},
        Fault{"NoElements", [] { return Message().number(1, 1).number(2, 1); }},
        Fault{"NoType", [] { return Message().number(1, 1).real(4, 1); }},
        Fault{"IntegersForFloats", [] { return Message().number(1, 1).number(2, 1).number(7, 1); }},
        Fault{"FloatsForIntegers", [] { return Message().number(1, 1).number(2, 7).real(4, 1); }},
        Fault{"RawBytesOfAnotherSize",
              [] { return raw_tensor(DataType::Float32, {2}, raw_bytes(std::vector<float>{1})); }},
        Fault{"ElementsTwice",
              [] {
                return raw_tensor(DataType::Float32, {1}, raw_bytes(std::vector<float>{1}))
                    .real(4, 1);
              }},
        Fault{"ANegativeDimension", [] { return Message().number(1, -1).number(2, 1); }},
        Fault{"NineDimensions",
              [] {
                Message message;
                for (int i = 0; i < 9; ++i) message.number(1, 1);
                return message.number(2, 1).real(4, 1);
              }},
        Fault{"Strings", [] { return Message().number(1, 1).number(2, 8).text(6, "a"); }},
        Fault{"Segments",
              [] { return Message().number(1, 1).number(2, 1).message(3, Message()).real(4, 1); }},
        Fault{"ExternalAndRaw",
              [] {
                return raw_tensor(DataType::Float32, {1}, raw_bytes(std::vector<float>{1}))
                    .number(14, 1);
              }},
        Fault{"AnOffsetThatIsNoNumber",
              [] {
                return Message().number(1, 1).number(2, 1).number(14, 1).message(
                    13, Message().text(1, "offset").text(2, "-4"));
              }}),
    [](const auto& each) { return each.param.name; });

}  // namespace
}  // namespace torchkeep::runtime::testing
