#include "torchkeep/runtime/graph/four_bits.h"

#include <fstream>

#include "torchkeep/runtime/graph/check.h"
#include "torchkeep/runtime/pack.h"

#include "tests/runtime/node_case.h"
#include "tests/support/files.h"

namespace torchkeep::runtime::testing {
namespace {

using ::testing::ElementsAre;

constexpr std::int64_t kUnsigned = 21, kSigned = 22;

Message pairs(std::int64_t type, const Shape& shape, const std::vector<std::uint8_t>& bytes,
              std::string_view name = "w") {
  Message message;
  for (const std::int64_t size : shape) message.number(1, size);
  return message.number(2, type).text(8, name).bytes(9, bytes);
}

/// A tensor whose pairs lie in the file `location`, from byte 2 on.
Message outside(std::string_view location, std::int64_t type = kSigned, std::int64_t count = 3) {
  return Message()
      .number(1, count)
      .number(2, type)
      .text(8, "w")
      .message(13, Message().text(1, "location").text(2, location))
      .message(13, Message().text(1, "offset").text(2, "2"))
      .number(14, 1);
}

/// A model of opset 21 in a file: x times nothing of `graph`'s own initializers. Beside it is a
/// file `data` of four bytes.
Result<std::vector<float>> run_file(const Message& graph, const Tensor& x) {
  const torchkeep::testing::TemporaryFolder folder;
  const Message model =
      Message().number(1, 10).message(8, Message().text(1, "").number(2, 21)).message(7, graph);
  std::ofstream(folder / "model.onnx", std::ios::binary)
      .write(reinterpret_cast<const char*>(model.view().data()),
             static_cast<std::streamsize>(model.view().size()));
  std::ofstream(folder / "data", std::ios::binary).write("\x77\x77\xf1\x08", 4);
  const auto loaded = TRY(Model::load_onnx(folder / "model.onnx"));
  const std::vector<Tensor> outputs = TRY(loaded->run({&x, 1}));
  return elements_of<float>(outputs[0]);
}

/// y = x + (weights - zero) * scale, in blocks of 2.
Message dequantizing(const Message& weights, const Message& zero) {
  return Message()
      .message(5, weights)
      .message(5, zero)
      .message(5, raw_tensor(DataType::Float32, {2}, raw_bytes<float>({1, 10}), "s"))
      .message(11, port("x", {3}))
      .message(12, port("y", {3}))
      .message(1, node("DequantizeLinear", {"w", "s", "z"}, {"v"},
                       {int_attribute("axis", 0), int_attribute("block_size", 2)}))
      .message(1, node("Add", {"x", "v"}, {"y"}));
}

TEST(FourBits, AreReadFromTheLowHalfOfAByteFirst) {
  const Tensor x = tensor<float>({3}, {0, 0, 0});
  const auto is_signed = run_file(
      dequantizing(pairs(kSigned, {3}, {0xf1, 0x08}), pairs(kSigned, {2}, {0x20}, "z")), x);
  ASSERT_TRUE(is_signed.ok()) << is_signed.error();
  EXPECT_THAT(*is_signed, ElementsAre(1, -1, -100)) << "1 - 0, -1 - 0 and (-8 - 2) * 10";
  const auto is_unsigned = run_file(
      dequantizing(pairs(kUnsigned, {3}, {0xf1, 0x08}), pairs(kUnsigned, {2}, {0x20}, "z")), x);
  ASSERT_TRUE(is_unsigned.ok()) << is_unsigned.error();
  EXPECT_THAT(*is_unsigned, ElementsAre(1, 15, 60));
}

TEST(FourBits, MayBeNumbersThatHoldAByteEach) {
  const Message weights =
      Message().number(1, 3).number(2, kSigned).text(8, "w").number(5, 0xf1).number(5, 0x08);
  const auto found = run_file(dequantizing(weights, pairs(kSigned, {2}, {0x20}, "z")),
                              tensor<float>({3}, {1, 1, 1}));
  ASSERT_TRUE(found.ok()) << found.error();
  EXPECT_THAT(*found, ElementsAre(2, 0, -99));
}

TEST(FourBits, MayLieInAnotherFile) {
  const Tensor x = tensor<float>({3}, {0, 0, 0});
  const auto is_signed =
      run_file(dequantizing(outside("data"), pairs(kSigned, {2}, {0x20}, "z")), x);
  ASSERT_TRUE(is_signed.ok()) << is_signed.error();
  EXPECT_THAT(*is_signed, ElementsAre(1, -1, -100));
  const auto is_unsigned =
      run_file(dequantizing(outside("data", kUnsigned), pairs(kUnsigned, {2}, {0x20}, "z")), x);
  ASSERT_TRUE(is_unsigned.ok()) << is_unsigned.error();
  EXPECT_THAT(*is_unsigned, ElementsAre(1, 15, 60));
}

/// A payload's graph: y = x + w, dequantised, where w says that it has `length` bytes.
GraphBuilder stored(std::uint64_t length) {
  GraphBuilder graph;
  graph.weights("s", {1}, {1}).external("w", DataType::Int4, {3}, kPayloadAlignment, length);
  graph.input("x", {3}).output("y", {3});
  return std::move(
      graph.add(node("DequantizeLinear", {"w", "s"}, {"v"})).add(node("Add", {"x", "v"}, {"y"})));
}

TEST(FourBits, StayFourBitsInAPayload) {
  const torchkeep::testing::TemporaryFolder folder;
  const Message graph =
      dequantizing(pairs(kSigned, {3}, {0xf1, 0x08}), pairs(kSigned, {2}, {0x20}, "z"));
  const Message model =
      Message().number(1, 10).message(8, Message().text(1, "").number(2, 21)).message(7, graph);
  std::ofstream(folder / "model.onnx", std::ios::binary)
      .write(reinterpret_cast<const char*>(model.view().data()),
             static_cast<std::streamsize>(model.view().size()));
  PackedOnnx packed = PackedOnnx::open(folder / "model.onnx").value();
  const Payload payload =
      load_payload([&](MutableByteView out) { return packed.read(out); }, packed.payload_bytes())
          .value();
  EXPECT_THAT(payload.data.expose().first(3), ElementsAre(0xf1, 0x08, 0)) << "two to a byte";
  const auto checked = graph::check_graph(
      payload.graph.expose(),
      std::make_shared<SecretBytes>(SecretBytes::copy_of(payload.data.expose())));
  ASSERT_TRUE(checked.ok()) << checked.error();
  EXPECT_EQ(checked->values[0].constant->dtype(), DataType::Int4);
  EXPECT_EQ(checked->values[0].constant->bytes().size(), 2U);
}

TEST(FourBits, OfAPayloadThatSaysAnotherLengthAreRefused) {
  for (const std::uint64_t length : {0, 1, 3}) {
    const auto model = load(stored(length).payload(21));
    ASSERT_FALSE(model.ok());
    EXPECT_EQ(model.error().code, ErrorCode::Malformed);
    EXPECT_THAT(model.error().message, ::testing::HasSubstr("its shape asks for 2"));
  }
}

TEST(FourBits, BeyondAPayloadsDataAreRefused) {
  const auto model = load(stored(2).payload(21));
  ASSERT_FALSE(model.ok());
  EXPECT_EQ(model.error().code, ErrorCode::Malformed);
  EXPECT_THAT(model.error().message, ::testing::HasSubstr("ends after the data"));
}

// Payloads as they were written before they could hold 4 bits: the same numbers in 8.
TEST(FourBits, InEightAreReadAsEver) {
  GraphBuilder graph;
  graph.initializer("w", DataType::Int8, {3}, std::vector<std::int8_t>{1, -1, -8});
  graph.weights("s", {2}, {1, 10}).input("x", {3}).output("y", {3});
  graph.add(node("DequantizeLinear", {"w", "s"}, {"v"},
                 {int_attribute("axis", 0), int_attribute("block_size", 2)}));
  graph.add(node("Add", {"x", "v"}, {"y"}));
  const auto model = load(graph.payload(21));
  ASSERT_TRUE(model.ok()) << model.error();
  const Tensor x = tensor<float>({3}, {0, 0, 0});
  const auto outputs = (*model)->run({&x, 1}).value();
  EXPECT_THAT(elements_of<float>(outputs[0]), ElementsAre(1, -1, -80));
}

TEST(FourBits, AreNoTypeOfAnInputOrAnAnswer) {
  for (const std::int64_t type : {kUnsigned, kSigned}) {
    EXPECT_EQ(data_type_of(type).error().code, ErrorCode::Malformed);
    ASSERT_TRUE(parameter_type_of(type).ok());
    EXPECT_TRUE(has_four_bits(parameter_type_of(type).value()));
  }
  EXPECT_EQ(parse_data_type("INT4").error().code, ErrorCode::InvalidArgument);
  EXPECT_EQ(parse_data_type("UINT4").error().code, ErrorCode::InvalidArgument);
  EXPECT_EQ(byte_count(DataType::Int4, {3, 3}).value(), 5U);
  EXPECT_EQ(byte_count(DataType::UInt4, {0}).value(), 0U);
  EXPECT_FALSE(byte_count(DataType::Int4, {std::int64_t{1} << 41}).ok());
}

TEST(FourBits, OfAGraphWithinAreReadThereToo) {
  const Message inner =
      Message()
          .message(5, pairs(kSigned, {3}, {0xf1, 0x08}))
          .message(1, node("DequantizeLinear", {"w", "s"}, {"r"},
                           {int_attribute("axis", 0), int_attribute("block_size", 2)}))
          .message(12, port("r", {3}));
  GraphBuilder graph;
  graph.weights("s", {2}, {1, 10}).input("x", {}, DataType::Bool).output("y", {3});
  graph.add(node("If", {"x"}, {"y"},
                 {Message().text(1, "then_branch").message(6, inner).number(20, 5),
                  Message().text(1, "else_branch").message(6, inner).number(20, 5)}));
  const auto model = load(graph.payload(21));
  ASSERT_TRUE(model.ok()) << model.error();
  const Tensor x = tensor<std::uint8_t>({}, {1}, DataType::Bool);
  const auto outputs = (*model)->run({&x, 1});
  ASSERT_TRUE(outputs.ok()) << outputs.error();
  EXPECT_THAT(elements_of<float>((*outputs)[0]), ElementsAre(1, -1, -80));
}

struct FileFault {
  const char* name;
  Message graph;
  const char* words;
};

class WrongFourBits : public ::testing::TestWithParam<FileFault> {};

TEST_P(WrongFourBits, AreRefused) {
  const auto found = run_file(GetParam().graph, tensor<float>({3}, {0, 0, 0}));
  ASSERT_FALSE(found.ok());
  EXPECT_EQ(found.error().code, ErrorCode::Malformed) << found.error();
  EXPECT_THAT(found.error().message, ::testing::HasSubstr(GetParam().words));
}

const Message kZero = pairs(kSigned, {2}, {0x20}, "z");

Message read_by(const Message& node) {
  return Message()
      .message(5, pairs(kSigned, {3}, {0xf1, 0x08}))
      .message(11, port("x", {3}))
      .message(12, port("y", {3}))
      .message(1, node);
}

Message within_a_branch() {
  const Message inner =
      Message().message(1, node("Identity", {"w"}, {"r"})).message(12, port("r", {3}));
  return read_by(
      node("If", {"x"}, {"y"}, {Message().text(1, "then_branch").message(6, inner).number(20, 5)}));
}

const FileFault kFaults[] = {
    {"ThatAreTooFew", dequantizing(pairs(kSigned, {3}, {0xf1}), kZero),
     "tensor \"w\" has 1 bytes of raw data, its shape asks for 2"},
    {"ThatAreTooMany", dequantizing(pairs(kSigned, {3}, {1, 2, 3}), kZero), "its shape asks for 2"},
    {"OfAnAbsurdShape", dequantizing(pairs(kSigned, {std::int64_t{1} << 40}, {1}), kZero),
     "has 1 bytes of raw data"},
    {"OfANegativeShape", dequantizing(pairs(kSigned, {-2}, {1}), kZero), "negative dimension"},
    {"BeyondTheirFile", dequantizing(outside("data", kSigned, 5), kZero), "ends after"},
    {"OfAnAbsurdShapeElsewhere",
     dequantizing(outside("data", kSigned, std::int64_t{1} << 40), kZero), "ends after"},
    {"OfANegativeShapeElsewhere", dequantizing(outside("data", kSigned, -2), kZero),
     "negative dimension"},
    {"AboveTheModel", dequantizing(outside("../data"), kZero), "is not beside the model"},
    {"ThatAnotherOperatorReads", read_by(node("Cast", {"w"}, {"y"}, {int_attribute("to", 1)})),
     "operator Cast (node /Cast) reads \"w\""},
    {"ThatAreAScale", read_by(node("DequantizeLinear", {"x", "w"}, {"y"})),
     "operator DequantizeLinear (node /DequantizeLinear) reads \"w\""},
    {"ThatSayHowToQuantize", read_by(node("QuantizeLinear", {"x", "x", "w"}, {"y"})),
     "operator QuantizeLinear"},
    {"ThatABranchReads", within_a_branch(), "operator Identity (node /Identity) reads \"w\""},
    {"ThatAreAnOutput", read_by(node("Neg", {"x"}, {"y"})).message(12, port("w", {3})),
     "are an output"},
};

INSTANTIATE_TEST_SUITE_P(Graph, WrongFourBits, ::testing::ValuesIn(kFaults),
                         [](const auto& each) { return std::string(each.param.name); });

}  // namespace
}  // namespace torchkeep::runtime::testing
