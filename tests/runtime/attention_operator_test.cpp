// The operator Attention in the loop that keeps no row of scores, held against the way that must
// show them; and that no primitive is made or run for it.
#include <gtest/gtest.h>

#include "tests/runtime/graph_builder.h"
#include "tests/runtime/reference.h"

namespace torchkeep::runtime::testing {
namespace {

enum class Mask { None, Numbers, Truths, OfHeads, OfKeys };

struct Case {
  const char* name;
  std::int64_t batch = 1, heads = 4, shared = 4, queries = 3, keys = 5, past = 0;
  std::int64_t width = 16, value_width = 16;
  bool flat = false;
  Mask mask = Mask::None;
  bool causal = false;
  float cap = 0;
  bool presents = false;
};
void PrintTo(const Case& c, std::ostream* out) { *out << c.name; }

constexpr std::int64_t kOpset = 23;

std::vector<Shape> shapes_of(const Case& c) {
  const auto side = [&](std::int64_t heads, std::int64_t rows, std::int64_t width) {
    return c.flat ? Shape{c.batch, rows, heads * width} : Shape{c.batch, heads, rows, width};
  };
  std::vector<Shape> shapes{side(c.heads, c.queries, c.width), side(c.shared, c.keys, c.width),
                            side(c.shared, c.keys, c.value_width)};
  const std::int64_t total = c.past + c.keys;
  if (c.mask == Mask::OfHeads) shapes.push_back({c.batch, c.heads, c.queries, total});
  if (c.mask == Mask::Numbers || c.mask == Mask::Truths) shapes.push_back({c.queries, total});
  if (c.mask == Mask::OfKeys) shapes.push_back({1, total});
  if (c.past > 0) {
    shapes.push_back({c.batch, c.shared, c.past, c.width});
    shapes.push_back({c.batch, c.shared, c.past, c.value_width});
  }
  return shapes;
}

SecretBuffer attention(const Case& c, bool shown) {
  GraphBuilder graph;
  std::vector<std::string> inputs{"q", "k", "v", c.mask == Mask::None ? "" : "m"};
  if (c.past > 0) inputs.insert(inputs.end(), {"pk", "pv"});
  std::size_t next = 0;
  const std::vector<Shape> shapes = shapes_of(c);
  for (const std::string& name : inputs) {
    if (name.empty()) continue;
    const bool truths = name == "m" && c.mask == Mask::Truths;
    graph.input(name, shapes[next++], truths ? DataType::Bool : DataType::Float32);
  }
  graph.output("y", Shape(c.flat ? 3 : 4, -1));
  if (c.presents) graph.output("k2", {-1, -1, -1, -1}).output("v2", {-1, -1, -1, -1});
  if (shown) graph.output("s", {-1, -1, -1, -1});
  std::vector<Message> attributes{int_attribute("is_causal", c.causal ? 1 : 0),
                                  float_attribute("softcap", c.cap)};
  if (c.flat) {
    attributes.push_back(int_attribute("q_num_heads", c.heads));
    attributes.push_back(int_attribute("kv_num_heads", c.shared));
  }
  const std::string k2 = c.presents ? "k2" : "", v2 = c.presents ? "v2" : "";
  graph.add(node("Attention", inputs, {"y", k2, v2, shown ? "s" : ""}, attributes));
  return graph.payload(kOpset);
}

std::vector<Tensor> inputs_of(const Case& c) {
  std::mt19937 random(13);
  std::vector<Tensor> inputs;
  for (const Shape& shape : shapes_of(c)) {
    if (inputs.size() != 3 || c.mask != Mask::Truths) {
      inputs.push_back(random_tensor(shape, random));
      continue;
    }
    std::vector<std::uint8_t> truths(element_count(shape).value());
    for (auto& truth : truths) truth = random() % 3 == 0 ? 0 : 1;
    // The last query sees nothing at all.
    std::fill(truths.end() - shape.back(), truths.end(), std::uint8_t{0});
    inputs.push_back(tensor<std::uint8_t>(shape, truths, DataType::Bool));
  }
  return inputs;
}

class AttentionOperator : public ::testing::TestWithParam<Case> {};

TEST_P(AttentionOperator, AnswersAsItDoesWhereScoresAreShown) {
  const Case& c = GetParam();
  const std::vector<Tensor> inputs = inputs_of(c);
  const auto loop = load(attention(c, false)), shown = load(attention(c, true));
  ASSERT_TRUE(loop.ok()) << loop.error();
  ASSERT_TRUE(shown.ok()) << shown.error();
  const auto found = (*loop)->run(inputs), wanted = (*shown)->run(inputs);
  ASSERT_TRUE(found.ok()) << found.error();
  ASSERT_TRUE(wanted.ok()) << wanted.error();
  ASSERT_EQ(found->size(), c.presents ? 3U : 1U);
  for (std::size_t i = 0; i < found->size(); ++i) {
    EXPECT_EQ((*found)[i].shape, (*wanted)[i].shape);
    EXPECT_LT(largest_difference((*found)[i].elements<float>(), (*wanted)[i].elements<float>()),
              2e-6)
        << "output " << i;
  }
}

INSTANTIATE_TEST_SUITE_P(
    Shapes, AttentionOperator,
    ::testing::Values(
        Case{"Plain"}, Case{"SideBySide", 2, 4, 4, 9, 70, 0, 24, 40},
        Case{"KeysMasked", 1, 4, 4, 3, 37, 0, 16, 16, false, Mask::OfKeys},
        Case{"KeysMaskedSideBySide", 2, 4, 2, 67, 70, 0, 24, 16, false, Mask::OfKeys},
        Case{"KeysMaskedCapped", 1, 4, 4, 33, 70, 0, 16, 16, true, Mask::OfKeys, true, 0.5F},
        Case{"MaskedSideBySide", 1, 4, 4, 33, 70, 0, 16, 16, false, Mask::Numbers},
        Case{"SharedHeads", 2, 6, 2, 1, 33, 0, 16, 16, false, Mask::Numbers},
        Case{"SharedHeadsManyQueries", 1, 6, 3, 17, 17, 0, 16, 8, false, Mask::OfHeads, true},
        Case{"Flat", 2, 4, 4, 3, 5, 0, 16, 8, true},
        Case{"FlatShared", 2, 6, 2, 7, 5, 0, 16, 8, true, Mask::OfHeads},
        Case{"FlatPast", 1, 4, 2, 2, 3, 6, 16, 16, true, Mask::None, true, 0, true},
        Case{"Past", 2, 4, 2, 1, 1, 40, 16, 16, false, Mask::None, true, 0, true},
        Case{"PastMasked", 1, 4, 1, 8, 8, 5, 8, 8, false, Mask::Truths, true},
        Case{"PresentsAlone", 1, 4, 4, 3, 5, 0, 16, 16, true, Mask::None, false, 0, true},
        Case{"Capped", 1, 4, 4, 3, 37, 0, 16, 16, false, Mask::Numbers, false, 0.5F},
        Case{"CappedSideBySide", 1, 4, 2, 33, 37, 0, 16, 16, true, Mask::Truths, false, 2}),
    [](const auto& each) { return std::string(each.param.name); });

struct Misfit {
  const char* name;
  std::vector<Shape> shapes;
  std::int64_t heads = 0, shared = 0;
};

class AttentionMisfits : public ::testing::TestWithParam<Misfit> {};

TEST_P(AttentionMisfits, AreRefused) {
  GraphBuilder graph;
  std::vector<std::string> names;
  for (const Shape& shape : GetParam().shapes) {
    names.push_back("i" + std::to_string(names.size()));
    graph.input(names.back(), shape);
  }
  graph.output("y", Shape(GetParam().shapes[0].size(), -1));
  graph.add(node("Attention", names, {"y"},
                 {int_attribute("q_num_heads", GetParam().heads),
                  int_attribute("kv_num_heads", GetParam().shared)}));
  const auto model = load(graph.payload(kOpset));
  ASSERT_FALSE(model.ok());
  EXPECT_EQ(model.error().code, ErrorCode::Malformed);
}

INSTANTIATE_TEST_SUITE_P(
    Shapes, AttentionMisfits,
    ::testing::Values(Misfit{"HeadsThatDoNotShare", {{1, 4, 3, 8}, {1, 3, 5, 8}, {1, 3, 5, 8}}},
                      Misfit{"OtherWidths", {{1, 4, 3, 8}, {1, 4, 5, 6}, {1, 4, 5, 8}}},
                      Misfit{"OtherKeysThanValues", {{1, 4, 3, 8}, {1, 4, 5, 8}, {1, 4, 6, 8}}},
                      Misfit{"NoKeys", {{1, 4, 3, 8}, {1, 4, 0, 8}, {1, 4, 0, 8}}},
                      Misfit{"AMaskOfOtherKeys",
                             {{1, 4, 3, 8}, {1, 4, 5, 8}, {1, 4, 5, 8}, {3, 4}}},
                      Misfit{"FlatWithoutHeads", {{1, 3, 32}, {1, 5, 32}, {1, 5, 32}}},
                      Misfit{"FlatOfAnotherWidth", {{1, 3, 32}, {1, 5, 30}, {1, 5, 32}}, 4, 4}),
    [](const auto& each) { return std::string(each.param.name); });

}  // namespace
}  // namespace torchkeep::runtime::testing
