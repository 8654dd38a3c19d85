#pragma once

#include "torchkeep/runtime/carried.h"

#include "tests/runtime/graph_builder.h"

/// A small decoder that keeps keys and values, in the ways in which exporters write one.
namespace torchkeep::runtime::testing {

/// How heads of queries get the keys that they share.
enum class Shared { Expand, Tile, TileAll, Indexed, Joined, Stacked, SplitUp };

struct Decoder {
  const char* name;
  std::int64_t batch = 1, heads = 4, groups = 4, width = 16;
  bool plainly_read = false;  ///< An operator that knows nothing of room reads the cache as well.
  bool grows = true;
  bool past_first = true;
  Shared shared = Shared::Expand;
};
inline void PrintTo(const Decoder& c, std::ostream* out) { *out << c.name; }

/// `from` [batch, groups, n, width] as [batch, heads, n, width], as exporters write it.
inline std::string share(GraphBuilder& graph, const Decoder& c, const std::string& from) {
  const std::int64_t each = c.heads / c.groups;
  const std::string all = from + "_all", raised = from + "_u", wide = from + "_e";
  const auto many = [&](const std::string& name) {
    return std::vector<std::string>(static_cast<std::size_t>(each), name);
  };
  if (c.shared == Shared::TileAll) graph.add(node("Tile", {from, "times"}, {all}));
  if (c.shared == Shared::Indexed)
    graph.add(node("Gather", {from, "which"}, {all}, {int_attribute("axis", 1)}));
  if (c.shared == Shared::Joined)
    graph.add(node("Concat", many(from), {all}, {int_attribute("axis", 1)}));
  if (c.shared == Shared::SplitUp) {
    std::vector<std::string> parts, done;
    for (std::int64_t i = 0; i < c.groups; ++i) {
      parts.push_back(text(from, "_part", i));
      done.push_back(parts.back() + "_all");
    }
    graph.add(node("Split", {from, "ones"}, parts, {int_attribute("axis", 1)}));
    for (std::size_t i = 0; i < parts.size(); ++i) {
      graph.add(node("Unsqueeze", {parts[i], "two"}, {parts[i] + "_u"}));
      graph.add(node("Expand", {parts[i] + "_u", "spread_part"}, {parts[i] + "_e"}));
      graph.add(node("Reshape", {parts[i] + "_e", "part"}, {done[i]}));
    }
    graph.add(node("Concat", done, {all}, {int_attribute("axis", 1)}));
  }
  if (c.shared != Shared::Expand && c.shared != Shared::Tile && c.shared != Shared::Stacked)
    return all;
  graph.add(node("Unsqueeze", {from, "two"}, {raised}));
  if (c.shared == Shared::Expand) graph.add(node("Expand", {raised, "spread"}, {wide}));
  if (c.shared == Shared::Tile) graph.add(node("Tile", {raised, "times_between"}, {wide}));
  if (c.shared == Shared::Stacked)
    graph.add(node("Concat", many(raised), {wide}, {int_attribute("axis", 2)}));
  graph.add(node("Reshape", {wide, "heads"}, {all}));
  return all;
}

/// x [batch, heads, n, width] attends to all x so far: keys and values are the first `groups` heads
/// of x, each for several heads, and outputs k and v are kept.
inline GraphBuilder decoder(const Decoder& c) {
  const std::int64_t each = c.heads / c.groups;
  GraphBuilder graph;
  graph.input("x", {-1, c.heads, -1, c.width});
  graph.input("past_k", {-1, c.groups, -1, c.width}).input("past_v", {-1, c.groups, -1, c.width});
  graph.output("y", {-1, c.heads, -1, c.width});
  graph.output("k", {-1, c.groups, -1, c.width}).output("v", {-1, c.groups, -1, c.width});
  graph.weights("half", {}, {0.5F});
  const auto integers = [&](std::string_view name, const std::vector<std::int64_t>& values) {
    graph.initializer(name, DataType::Int64, {static_cast<std::int64_t>(values.size())}, values);
  };
  integers("zero", {0});
  integers("one", {1});
  integers("two", {2});
  integers("groups", {c.groups});
  integers("spread", {1, c.groups, each, 1, 1});
  integers("heads", {0, c.heads, -1, c.width});
  integers("times", {1, each, 1, 1});
  integers("times_between", {1, 1, each, 1, 1});
  integers("spread_part", {1, 1, each, 1, 1});
  integers("part", {0, each, -1, c.width});
  integers("ones", std::vector<std::int64_t>(static_cast<std::size_t>(c.groups), 1));
  std::vector<std::int64_t> which;
  for (std::int64_t i = 0; i < c.heads; ++i) which.push_back(i / each);
  integers("which", which);
  graph.add(node("Slice", {"x", "zero", "groups", "one"}, {"new"}));
  graph.add(node("Mul", {"new", "half"}, {"new_v"}));
  const auto join = [&](const std::string& past, const std::string& more, const std::string& to) {
    const std::vector<std::string> inputs =
        c.past_first ? std::vector{past, more} : std::vector{more, past};
    graph.add(node("Concat", inputs, {to}, {int_attribute("axis", -2)}));
  };
  join("past_k", "new", "k");
  join("past_v", "new_v", "v");
  const auto shared = [&](const std::string& from) -> std::string {
    return each == 1 ? from : share(graph, c, from);
  };
  const std::string keys = shared("k"), values = shared("v");
  graph.add(node("Transpose", {keys}, {"kt"}, {ints_attribute("perm", {0, 1, 3, 2})}));
  graph.add(node("MatMul", {"x", "kt"}, {"s"}));
  graph.add(node("Softmax", {"s"}, {"p"}, {int_attribute("axis", -1)}));
  graph.add(node("MatMul", {"p", values}, {c.plainly_read ? "mixed" : "y"}));
  if (c.plainly_read) {
    graph.add(node("ReduceSum", {"v", "two"}, {"sum"}));
    graph.add(node("ReduceMean", {"sum"}, {"mean"}));
    graph.add(node("Add", {"mixed", "mean"}, {"y"}));
  }
  return graph;
}

/// Outputs k and v become inputs past_k and past_v.
inline const std::vector<Link> kLinks = {{1, 1}, {2, 2}};

inline std::vector<float> floats(const Tensor& tensor) {
  const auto view = tensor.elements<float>();
  return {view.begin(), view.end()};
}

}  // namespace torchkeep::runtime::testing
