#include "torchkeep/runtime/pack.h"

#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/runtime/graph_builder.h"
#include "tests/support/files.h"

namespace torchkeep::runtime::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using torchkeep::testing::TemporaryFolder;

void write(const Path& path, ByteView bytes) {
  std::ofstream file(path, std::ios::binary);
  file.write(reinterpret_cast<const char*>(bytes.data()),
             static_cast<std::streamsize>(bytes.size()));
}

Message model_of(const Message& graph) {
  return Message()
      .number(1, 8)
      .message(8, Message().number(2, 17))
      .message(7, graph)
      .text(6, "a doc string");
}

Message external_tensor(std::string_view name, const Shape& shape, std::string_view location,
                        std::int64_t offset) {
  Message message;
  for (const std::int64_t size : shape) message.number(1, size);
  return message.number(2, 1)
      .text(8, name)
      .message(13, Message().text(1, "location").text(2, location))
      .message(13, Message().text(1, "offset").text(2, std::to_string(offset)))
      .number(14, 1);
}

/// y = (x + a) * b, with `a` and `b` initializers that stand in the file in the other order.
Message graph_with(const Message& a, const Message& b) {
  return Message()
      .message(5, b)
      .message(5, a)
      .message(11, port("x", {-1, 2}))
      .message(12, port("y", {-1, 2}))
      .message(1, node("Add", {"x", "a"}, {"s"}).text(6, "a doc string"))
      .message(1, node("Mul", {"s", "b"}, {"y"}));
}

Message floats(std::string_view name, const std::vector<float>& values) {
  return raw_tensor(DataType::Float32, {std::ssize(values)}, raw_bytes(values), name);
}

Result<std::vector<float>> run(const Path& path) {
  const auto model = TRY(Model::load_onnx(path));
  std::vector<Tensor> outputs = TRY(model->run(one(tensor<float>({1, 2}, {1, 2}))));
  const auto elements = outputs[0].elements<float>();
  return std::vector<float>(elements.begin(), elements.end());
}

TEST(Pack, RunsWhatItPacked) {
  const TemporaryFolder folder;
  write(folder / "m.onnx", model_of(graph_with(floats("a", {10, 20}), floats("b", {2, 3}))).view());
  const auto found = run(folder / "m.onnx");
  ASSERT_TRUE(found.ok()) << found.error();
  EXPECT_THAT(*found, ElementsAre(22, 66));
}

TEST(Pack, ACallerAddsNodesAndOutputs) {
  const TemporaryFolder folder;
  write(folder / "m.onnx", model_of(graph_with(floats("a", {10, 20}), floats("b", {2, 3}))).view());
  const Message more =
      Message().message(1, node("Neg", {"s"}, {"n"})).message(12, port("n", {-1, 2}));
  PackedOnnx packed = PackedOnnx::open(folder / "m.onnx", more.view()).value();
  const auto model = Model::load([&](MutableByteView out) { return packed.read(out); },
                                 packed.payload_bytes());
  ASSERT_TRUE(model.ok()) << model.error();
  const auto outputs = (*model)->run(one(tensor<float>({1, 2}, {1, 2}))).value();
  ASSERT_EQ(outputs.size(), 2U);
  EXPECT_THAT(outputs[0].elements<float>(), ElementsAre(22, 66));
  EXPECT_THAT(outputs[1].elements<float>(), ElementsAre(-11, -22));
}

TEST(Pack, LeavesOutDocStringsAndOrdersParametersByUse) {
  const TemporaryFolder folder;
  write(folder / "m.onnx", model_of(graph_with(floats("a", {10, 20}), floats("b", {2, 3}))).view());
  PackedOnnx packed = PackedOnnx::open(folder / "m.onnx").value();
  SecretBuffer payload;
  ASSERT_TRUE(write_payload(packed, [&](ByteView bytes) -> Result<void> {
                payload.insert(payload.end(), bytes.begin(), bytes.end());
                return {};
              }).ok());
  ASSERT_EQ(payload.size(), packed.payload_bytes());
  EXPECT_EQ(as_text(payload).find("doc string"), std::string_view::npos);
  const Payload parts = load_payload(source_of(payload), payload.size()).value();
  ASSERT_EQ(parts.data.size(), 2 * kPayloadAlignment);
  EXPECT_EQ(load_le32(parts.data.expose().first(4)), std::bit_cast<std::uint32_t>(10.0F))
      << "a is used first";
}

TEST(Pack, ReadsTheSameInPiecesOfAnySize) {
  const TemporaryFolder folder;
  write(folder / "m.onnx",
        model_of(graph_with(floats("a", {10, 20}),
                            Message().number(1, 2).number(2, 1).real(4, 2).real(4, 3).text(8, "b")))
            .view());
  PackedOnnx packed = PackedOnnx::open(folder / "m.onnx").value();
  SecretBuffer whole(packed.payload_bytes());
  ASSERT_TRUE(packed.read(whole).ok());
  EXPECT_EQ(packed.read(MutableByteView(whole).first(1)).error().code, ErrorCode::InvalidArgument);
  for (std::size_t piece = 1; piece <= whole.size(); ++piece) {
    packed.rewind();
    SecretBuffer again(whole.size());
    for (std::size_t at = 0; at < again.size(); at += piece) {
      ASSERT_TRUE(
          packed.read(MutableByteView(again).subspan(at, std::min(piece, again.size() - at))).ok());
    }
    ASSERT_EQ(again, whole) << "pieces of " << piece;
  }
}

TEST(Pack, FindsExternalDataBesideTheModel) {
  const TemporaryFolder folder;
  write(folder / "m.onnx",
        model_of(graph_with(external_tensor("a", {2}, "w.bin", 8), floats("b", {2, 3}))).view());
  write(folder / "w.bin", raw_bytes(std::vector<float>{0, 0, 10, 20}));
  const auto found = run(folder / "m.onnx");
  ASSERT_TRUE(found.ok()) << found.error();
  EXPECT_THAT(*found, ElementsAre(22, 66));
}

struct Fault {
  const char* name;
  std::function<Message()> a;
  ErrorCode code;
  const char* words;
};
class WrongFiles : public ::testing::TestWithParam<Fault> {};
TEST_P(WrongFiles, AreRefused) {
  const TemporaryFolder folder;
  write(folder / "m.onnx", model_of(graph_with(GetParam().a(), floats("b", {2, 3}))).view());
  write(folder / "w.bin", raw_bytes(std::vector<float>{10, 20}));
  const auto packed = PackedOnnx::open(folder / "m.onnx");
  ASSERT_FALSE(packed.ok());
  EXPECT_EQ(packed.error().code, GetParam().code) << packed.error();
  EXPECT_THAT(packed.error().message, HasSubstr(GetParam().words));
}
INSTANTIATE_TEST_SUITE_P(
    Pack, WrongFiles,
    ::testing::Values(
        Fault{"ExternalDataAbove", [] { return external_tensor("a", {2}, "../w.bin", 0); },
              ErrorCode::Malformed, "is not beside the model"},
        Fault{"ExternalDataElsewhere", [] { return external_tensor("a", {2}, "/etc/passwd", 0); },
              ErrorCode::Malformed, "is not beside the model"},
        Fault{"ExternalDataWithoutAName", [] { return external_tensor("a", {2}, "", 0); },
              ErrorCode::Malformed, "is not beside the model"},
        Fault{"ExternalDataThatIsNotThere", [] { return external_tensor("a", {2}, "v.bin", 0); },
              ErrorCode::NotFound, "tensor \"a\""},
        Fault{"ExternalDataThatIsTooShort", [] { return external_tensor("a", {2}, "w.bin", 4); },
              ErrorCode::Malformed, "ends after"},
        Fault{"ExternalDataFarBehindItsEnd",
              [] { return external_tensor("a", {2}, "w.bin", (std::int64_t{1} << 62)); },
              ErrorCode::Malformed, "ends after"},
        Fault{"ATensorTwice",
              [] {
                return floats("b", {1, 2});
              },
              ErrorCode::Malformed, "tensor \"b\" is there twice"},
        Fault{"EightBitFloats", [] { return Message().number(1, 1).number(2, 17).text(8, "a"); },
              ErrorCode::Malformed, "ONNX data type 17"},
        Fault{"ShapesWithoutElements", [] { return raw_tensor(DataType::Float32, {2}, {}, "a"); },
              ErrorCode::Malformed, "0 bytes of raw data"}),
    [](const auto& each) { return each.param.name; });

TEST(Pack, AShapeWithoutElementsAllocatesNothing) {
  const TemporaryFolder folder;
  const Message claim =
      Message().number(1, std::int64_t{1} << 38).number(2, 1).real(4, 1).text(8, "a");
  write(folder / "m.onnx", model_of(graph_with(claim, floats("b", {2, 3}))).view());
  PackedOnnx packed = PackedOnnx::open(folder / "m.onnx").value();
  const auto written = write_payload(packed, [](ByteView) -> Result<void> { return {}; });
  ASSERT_FALSE(written.ok());
  EXPECT_THAT(written.error().message, HasSubstr("fewer elements than its shape says"));
}

TEST(Pack, WhatIsNoFileOrNoOnnxIsRefused) {
  const TemporaryFolder folder;
  EXPECT_EQ(PackedOnnx::open(folder / "absent.onnx").error().code, ErrorCode::NotFound);
  EXPECT_EQ(PackedOnnx::open(folder.path()).error().code, ErrorCode::InvalidArgument);
  for (const std::string_view content :
       {"", "hello, this is a text file and no model", "\x08\x08"}) {
    write(folder / "m.onnx", as_bytes(content));
    const auto packed = PackedOnnx::open(folder / "m.onnx");
    ASSERT_FALSE(packed.ok()) << content;
    EXPECT_EQ(packed.error().code, ErrorCode::Malformed);
    EXPECT_THAT(packed.error().message, HasSubstr("is no ONNX model that can be read"));
  }
}

TEST(Pack, ASinkThatFailsIsPassedOn) {
  const TemporaryFolder folder;
  write(folder / "m.onnx", model_of(graph_with(floats("a", {10, 20}), floats("b", {2, 3}))).view());
  PackedOnnx packed = PackedOnnx::open(folder / "m.onnx").value();
  const auto written = write_payload(
      packed, [](ByteView) -> Result<void> { return unavailable("the disk is full"); });
  EXPECT_EQ(written.error().message, "the disk is full");
}

}  // namespace
}  // namespace torchkeep::runtime::testing
