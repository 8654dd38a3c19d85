#include "torchkeep/runtime/four_bits.h"

#include <fstream>

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

TEST(FourBits, ThatAreNotHandedInAreRefused) {
  const auto widened = widen_four_bits(outside("data").view());
  ASSERT_FALSE(widened.ok());
  EXPECT_EQ(widened.error().code, ErrorCode::Malformed);
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
     "tensor \"w\": there are 1 bytes of pairs, its shape asks for 2"},
    {"ThatAreTooMany", dequantizing(pairs(kSigned, {3}, {1, 2, 3}), kZero), "its shape asks for 2"},
    {"OfAnAbsurdShape", dequantizing(pairs(kSigned, {std::int64_t{1} << 40}, {1}), kZero),
     "there are 1 bytes of pairs"},
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
