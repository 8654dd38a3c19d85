// Scan: what it carries along and what it makes, in all directions and along all axes; Unique.
#include "tests/runtime/node_case.h"

namespace torchkeep::runtime::testing {
namespace {

using ::testing::ElementsAre;

/// s' = s + x, and what it makes is s' too.
Message summing_body() {
  return Message()
      .message(11, port("s", {}))
      .message(11, port("e", {}))
      .message(1, node("Add", {"s", "e"}, {"t"}))
      .message(1, node("Identity", {"t"}, {"seen"}))
      .message(12, port("t", {}))
      .message(12, port("seen", {}));
}
Message body_attribute(const Message& graph) {
  return Message().text(1, "body").message(6, graph).number(20, 5);
}

GraphBuilder summing(std::vector<Message> attributes, const Shape& state, const Shape& x) {
  attributes.push_back(body_attribute(summing_body()));
  attributes.push_back(int_attribute("num_scan_inputs", 1));
  return node_graph("Scan", {{state}, {x}}, attributes, {{}, {DataType::Float32, x.size()}});
}

Result<std::vector<Tensor>> sums(const std::vector<Message>& attributes) {
  return run_graph(summing(attributes, {2}, {2, 3}),
                   tensors(tensor<float>({2}, {0, 0}), tensor<float>({2, 3}, {1, 2, 3, 4, 5, 6})));
}

TEST(Scan, GoesAlongTheAxisAndInTheDirectionThatAreSaid) {
  const auto forwards = sums({ints_attribute("scan_input_axes", {1})});
  ASSERT_TRUE(forwards.ok()) << forwards.error();
  EXPECT_THAT(elements_of<float>((*forwards)[0]), ElementsAre(6, 15));
  EXPECT_EQ((*forwards)[1].shape, (Shape{3, 2}));
  EXPECT_THAT(elements_of<float>((*forwards)[1]), ElementsAre(1, 4, 3, 9, 6, 15));
  const auto backwards =
      sums({ints_attribute("scan_input_axes", {-1}), ints_attribute("scan_input_directions", {1})});
  ASSERT_TRUE(backwards.ok()) << backwards.error();
  EXPECT_THAT(elements_of<float>((*backwards)[1]), ElementsAre(3, 6, 5, 11, 6, 15));
}

TEST(Scan, StacksWhatItMakesAlongTheAxisAndInTheDirectionThatAreSaid) {
  const auto stacked =
      sums({ints_attribute("scan_input_axes", {1}), ints_attribute("scan_output_axes", {1}),
            ints_attribute("scan_output_directions", {1})});
  ASSERT_TRUE(stacked.ok()) << stacked.error();
  EXPECT_EQ((*stacked)[1].shape, (Shape{2, 3}));
  EXPECT_THAT(elements_of<float>((*stacked)[1]), ElementsAre(6, 3, 1, 15, 9, 4));
}

TEST(Scan, ReadsWhatIsAroundIt) {
  const Message body = Message()
                           .message(11, port("s", {}))
                           .message(11, port("e", {}))
                           .message(1, node("Mul", {"e", "factor"}, {"f"}))
                           .message(1, node("Add", {"s", "f"}, {"t"}))
                           .message(12, port("t", {}));
  GraphBuilder graph;
  graph.input("x", {3}).input("z", {}).output("y", {});
  graph.add(node("Neg", {"z"}, {"factor"}))
      .add(node("Scan", {"z", "x"}, {"y"},
                {body_attribute(body), int_attribute("num_scan_inputs", 1)}));
  const auto outputs =
      run_graph(graph, tensors(tensor<float>({3}, {1, 2, 3}), tensor<float>({}, {10})));
  ASSERT_TRUE(outputs.ok()) << outputs.error();
  EXPECT_THAT(elements_of<float>((*outputs)[0]), ElementsAre(10 - 60));
}

RunFault of(const char* name, std::vector<Message> attributes, const char* words,
            const Shape& state = {2}, const Shape& x = {3, 2}) {
  return {name, [=] { return summing(attributes, state, x); },
          [=] {
            return tensors(
                tensor<float>(state, std::vector<float>(element_count(state).value(), 0)),
                tensor<float>(x, std::vector<float>(element_count(x).value(), 0)));
          },
          words};
}

class WrongScans : public ::testing::TestWithParam<RunFault> {};

TEST_P(WrongScans, AreRefusedByName) { expect_run_refused(GetParam()); }

const RunFault kFaults[] = {
    of("AnAxisThatIsNotThere", {ints_attribute("scan_input_axes", {2})}, "axis 2 is not among 2"),
    of("AnOutputAxisThatIsNotThere", {ints_attribute("scan_output_axes", {2})},
       "axis 2 is not among 2"),
    of("ADirectionThatIsNone", {ints_attribute("scan_input_directions", {2})},
       "scan_input_directions holds 2"),
    of("AxesOfMoreInputs", {ints_attribute("scan_input_axes", {0, 0})},
       "scan_input_axes has 2 numbers, wanted are 1"),
    of("AScalarThatIsScanned", {}, "axis 0 is not among 0", {}, {}),
    of("NothingThatIsScanned", {}, "nothing was scanned", {2}, {0, 2}),
    {"MoreScannedThanThereIs",
     [] {
       return node_graph("Scan", {{{2}}, {{3, 2}}},
                         {body_attribute(summing_body()), int_attribute("num_scan_inputs", 3)});
     },
     {},
     "num_scan_inputs is 3, there are 2 inputs"},
    {"ABodyOfOtherInputs",
     [] {
       return node_graph("Scan", {{{2}}, {{2}}, {{3, 2}}},
                         {body_attribute(summing_body()), int_attribute("num_scan_inputs", 1)});
     },
     {},
     "the body has 2 inputs and 2 outputs"},
    {"WithoutABody",
     [] {
       return node_graph("Scan", {{{3, 2}}}, {int_attribute("num_scan_inputs", 1)});
     },
     {},
     "there is no graph \"body\""},
    {"LengthsOfVersion8",
     [] {
       return node_graph("Scan", {{{1}, DataType::Int64}, {{1, 2}}, {{1, 3, 2}}},
                         {body_attribute(summing_body()), int_attribute("num_scan_inputs", 1)});
     },
     {},
     "lengths of sequences are not supported",
     8},
};

INSTANTIATE_TEST_SUITE_P(Node, WrongScans, ::testing::ValuesIn(kFaults),
                         [](const auto& each) { return each.param.name; });

TEST(Unique, TakesWhatIsNoNumberForOne) {
  const float none = std::nanf("");
  const auto outputs = run_graph(
      node_graph("Unique", {{{5}}}, {},
                 {{DataType::Float32}, {DataType::Int64}, {DataType::Int64}, {DataType::Int64}}),
      one(tensor<float>({5}, {none, 2, none, 1, 2})));
  ASSERT_TRUE(outputs.ok()) << outputs.error();
  EXPECT_EQ((*outputs)[0].shape, (Shape{3}));
  EXPECT_THAT(elements_of<std::int64_t>((*outputs)[1]), ElementsAre(3, 1, 0));
  EXPECT_THAT(elements_of<std::int64_t>((*outputs)[2]), ElementsAre(2, 1, 2, 0, 1));
  EXPECT_THAT(elements_of<std::int64_t>((*outputs)[3]), ElementsAre(1, 2, 2));
}

TEST(Unique, RefusesSlicesWithoutElements) {
  expect_run_refused({"",
                      [] {
                        return node_graph("Unique", {{{3, 0}}}, {int_attribute("axis", 0)});
                      },
                      [] {
                        return one(tensor<float>({3, 0}, {}));
                      },
                      "have no elements"});
}

TEST(Unique, RefusesAnAxisThatIsNotThere) {
  expect_run_refused({"",
                      [] {
                        return node_graph("Unique", {{{2, 2}}}, {int_attribute("axis", 2)});
                      },
                      [] {
                        return one(tensor<float>({2, 2}, {1, 2, 3, 4}));
                      },
                      "axis 2 is not among 2"});
}

}  // namespace
}  // namespace torchkeep::runtime::testing
