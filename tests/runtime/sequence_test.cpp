#include "torchkeep/runtime/sequence.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/runtime/wrong_graph.h"

namespace torchkeep::runtime::testing {
namespace {

Tensor tensor_of(Shape shape, const std::vector<float>& values) {
  Tensor tensor = Tensor::uninitialised(DataType::Float32, std::move(shape)).value();
  std::ranges::copy(values, tensor.elements<float>().begin());
  return tensor;
}

Tensor sequence_of(const std::vector<Tensor>& tensors) {
  std::vector<Item> items;
  for (const Tensor& tensor : tensors) items.push_back(Item::of(tensor));
  return encode_items(DataType::Sequence, items);
}

Tensor two_items() {
  std::vector<Tensor> tensors;
  tensors.push_back(tensor_of({3}, {1, 2, 3}));
  tensors.push_back(tensor_of({1, 2}, {4, 5}));
  return sequence_of(tensors);
}

TEST(Sequence, ComesBackAsItWent) {
  const Tensor sequence = two_items();
  const auto items = parse_items(DataType::Sequence, sequence.data).value();
  ASSERT_EQ(items.size(), 2u);
  EXPECT_EQ(items[0].shape, Shape{3});
  EXPECT_EQ(items[1].shape, (Shape{1, 2}));
  EXPECT_EQ(items[1].bytes.size(), 8u);
  EXPECT_TRUE(parse_items(DataType::Sequence, sequence_of({}).data).value().empty());
}

TEST(Sequence, CutShortAnywhereOrTooLongIsRefused) {
  const Tensor sequence = two_items();
  const ByteView whole(sequence.data);
  for (std::size_t size = 0; size < whole.size(); ++size)
    EXPECT_FALSE(parse_items(DataType::Sequence, whole.first(size)).ok()) << size;
  Bytes longer(whole.begin(), whole.end());
  longer.push_back(0);
  EXPECT_FALSE(parse_items(DataType::Sequence, longer).ok());
}

// Boxes of an image without any: there, although no memory is theirs.
TEST(Sequence, HoldsTensorsWithoutElements) {
  GraphBuilder graph;
  graph.input("x", {-1, 4}).output("y", {-1, 4}).output("n", {}, DataType::Int64);
  graph.initializer<std::int64_t>("at", DataType::Int64, {}, {1});
  graph.add(node("SequenceConstruct", {"x", "x"}, {"all"}))
      .add(node("SequenceAt", {"all", "at"}, {"y"}))
      .add(node("SequenceLength", {"all"}, {"n"}));
  const auto model = load(graph);
  ASSERT_TRUE(model.ok()) << model.error();
  for (const std::int64_t boxes : {0, 2, 0}) {
    const auto outputs = (*model)->run(
        one(tensor({boxes, 4}, std::vector<float>(static_cast<std::size_t>(4 * boxes), 1))));
    ASSERT_TRUE(outputs.ok()) << outputs.error();
    EXPECT_EQ((*outputs)[0].shape, (Shape{boxes, 4}));
    EXPECT_EQ((*outputs)[1].elements<std::int64_t>()[0], 2);
  }
}

TEST(Sequence, OfAbsurdNumbersIsRefused) {
  const Tensor sequence = two_items();
  const struct {
    std::size_t place;
    std::uint8_t value;
  } faults[] = {{5, 1}, {8, 8}, {12, 9}, {23, 0x80}, {21, 1}};
  for (const auto& fault : faults) {
    Bytes bytes(sequence.data.begin(), sequence.data.end());
    bytes[fault.place] = fault.value;
    EXPECT_FALSE(parse_items(DataType::Sequence, bytes).ok()) << fault.place;
  }
  EXPECT_FALSE(parse_items(DataType::Optional, sequence.data).ok()) << "an optional of two";
}

TEST(Sequence, WithinItselfHasALimit) {
  Tensor inner = sequence_of({});
  for (int i = 0; i < 8; ++i) {
    const Item item = Item::of(inner);
    inner = encode_items(DataType::Sequence, {&item, 1});
  }
  EXPECT_FALSE(parse_items(DataType::Sequence, inner.data).ok());
}

TEST(Sequence, IsBuiltAndTakenApartByAModel) {
  GraphBuilder graph;
  graph.input("x", {-1, 2}).output("y", {-1, 2}).output("n", {}, DataType::Int64);
  graph.add(constant_node("one", {1})).add(node("SequenceEmpty", {}, {"s0"}));
  graph.add(node("SequenceInsert", {"s0", "x"}, {"s1"}));
  graph.add(node("Neg", {"x"}, {"minus"}));
  graph.add(node("SequenceInsert", {"s1", "minus"}, {"s2"}));
  graph.add(node("SequenceLength", {"s2"}, {"n"}));
  graph.add(node("ConcatFromSequence", {"s2"}, {"y"}, {int_attribute("axis", 0)}));
  const auto model = load(graph).value();
  for (int run = 0; run < 2; ++run) {
    std::vector<Tensor> inputs;
    inputs.push_back(tensor_of({1, 2}, {1, 2}));
    const auto outputs = model->run(inputs);
    ASSERT_TRUE(outputs.ok()) << outputs.error();
    EXPECT_EQ((*outputs)[0].shape, (Shape{2, 2}));
    EXPECT_EQ((*outputs)[0].elements<float>()[2], -1);
    EXPECT_EQ((*outputs)[1].elements<std::int64_t>()[0], 2);
  }
}

/// A sequence comes in as bytes of the caller's, which need not be what they say.
TEST(Sequence, ThatIsHandedInIsLookedAt) {
  GraphBuilder graph;
  graph.field(11, Message().text(1, "s").message(2, Message().message(4, Message())));
  graph.output("n", {}, DataType::Int64).add(node("SequenceLength", {"s"}, {"n"}));
  const auto model = load(graph).value();
  std::vector<Tensor> inputs;
  inputs.push_back(two_items());
  EXPECT_EQ(model->run(inputs).value()[0].elements<std::int64_t>()[0], 2);
  inputs[0].data[8] = 99;
  EXPECT_EQ(model->run(inputs).error().code, ErrorCode::InvalidArgument);
}

class WrongSequences : public ::testing::TestWithParam<Fault> {};

TEST_P(WrongSequences, AreRefusedByName) {
  const auto model = load(GetParam().make());
  std::string message = model ? "" : model.error().message;
  if (model) {
    std::vector<Tensor> inputs;
    inputs.push_back(tensor_of({2, 3}, {1, 2, 3, 4, 5, 6}));
    const auto outputs = (*model)->run(inputs);
    ASSERT_FALSE(outputs.ok());
    EXPECT_EQ(outputs.error().code, ErrorCode::Malformed);
    message = outputs.error().message;
  }
  EXPECT_THAT(message, ::testing::HasSubstr(GetParam().words));
}

GraphBuilder with_sequence() { return small().add(node("SequenceConstruct", {"x"}, {"s"})); }

const Fault kFaults[] = {
    {"AnIndexOutside",
     [] {
       return with_sequence()
           .add(constant_node("i", {1}))
           .add(node("SequenceAt", {"s", "i"}, {"y"}));
     },
     "index 1 is not among 1"},
    {"ATensorForASequence",
     [] {
       return small().add(constant_node("i", {0})).add(node("SequenceAt", {"x", "i"}, {"y"}));
     },
     "wanted is a sequence"},
    {"ASequenceForATensor", [] { return with_sequence().add(node("Relu", {"s"}, {"y"})); },
     "wanted is a tensor"},
    {"TheShapeOfASequence", [] { return with_sequence().add(node("Shape", {"s"}, {"y"})); },
     "wanted is a tensor"},
    {"AJoinOfNothing",
     [] {
       return small()
           .add(node("SequenceEmpty", {}, {"s"}))
           .add(node("ConcatFromSequence", {"s"}, {"y"}, {int_attribute("axis", 0)}));
     },
     "no shape is known"},
    {"AnotherTypeWithin",
     [] {
       return with_sequence()
           .add(constant_node("i", {0}))
           .add(node("SequenceInsert", {"s", "i"}, {"y"}));
     },
     "is put into a sequence of FP32"},
    {"SizesThatDoNotAddUp",
     [] {
       return small()
           .add(constant_node("z", {1, 2}))
           .add(node("SplitToSequence", {"x", "z"}, {"y"}));
     },
     "sizes do not add up to 2"},
    {"AnEmptyOptional",
     [] {
       return small()
           .add(node("Optional", {}, {"o"}))
           .add(node("OptionalGetElement", {"o"}, {"y"}));
     },
     "the optional is empty"},
};

INSTANTIATE_TEST_SUITE_P(Sequence, WrongSequences, ::testing::ValuesIn(kFaults),
                         [](const auto& each) { return each.param.name; });

}  // namespace
}  // namespace torchkeep::runtime::testing
