// Source: ONNX's Changelog.md, operator sets 12 to 21. Whatever is not named here was given more
// types, or attributes whose absence means what was meant before.
#include "torchkeep/quantise/opset.h"

#include <algorithm>
#include <array>

namespace torchkeep::quantise {
namespace {

using runtime::graph::Attribute;

constexpr std::array<std::string_view, 9> kReductions{
    "ReduceL1",   "ReduceL2",  "ReduceLogSum", "ReduceLogSumExp", "ReduceMax",
    "ReduceMean", "ReduceMin", "ReduceProd",   "ReduceSumSquare"};

/// What became of an operator with operator set `since`.
struct Change {
  enum class Kind { None, ListToInput, CountOutputs, Refused } kind = Kind::None;
  std::string_view list;  ///< The attribute that became input 1.
};

bool has(const NodeProto& node, std::string_view attribute) {
  return find_attribute(node, attribute) != nullptr;
}

std::string_view text_of(const NodeProto& node, std::string_view name) {
  const Attribute* const found = find_attribute(node, name);
  return found == nullptr ? std::string_view() : found->s;
}

class Step {
 public:
  Step(std::int64_t from, std::int64_t to) : from_(from), to_(to) {}

  Change change_of(const NodeProto& node) const {
    if (!node.domain.empty()) return {};
    const std::string_view op = node.op;
    if (crosses(13)) {
      if (op == "ReduceSum" || op == "Squeeze" || op == "Unsqueeze") return list(node, "axes");
      if (op == "Split" && has(node, "split")) return list(node, "split");
      // The axis was that from which on a matrix was made of the tensor; of the last it is the
      // same.
      const bool is_soft = op == "Softmax" || op == "LogSoftmax" || op == "Hardmax";
      if (is_soft && int_of(node, "axis", 1) != -1) return {Change::Kind::Refused, ""};
      if (op == "Resize" &&
          text_of(node, "coordinate_transformation_mode") == "tf_half_pixel_for_nn")
        return {Change::Kind::Refused, ""};
    }
    if (crosses(18)) {
      if (std::ranges::find(kReductions, op) != kReductions.end()) return list(node, "axes");
      if (op == "Split" && !has(node, "split") &&
          (node.inputs.size() < 2 || node.inputs[1].empty()))
        return {Change::Kind::CountOutputs, ""};
    }
    return {is_refused(node) ? Change::Kind::Refused : Change::Kind::None, ""};
  }

 private:
  bool crosses(std::int64_t version) const { return from_ < version && version <= to_; }

  static Change list(const NodeProto& node, std::string_view name) {
    return has(node, name) ? Change{Change::Kind::ListToInput, name} : Change();
  }

  bool is_refused(const NodeProto& node) const {
    const std::string_view op = node.op;
    if (crosses(12) && op == "Dropout" && has(node, "ratio")) return true;
    if (crosses(14) && op == "BatchNormalization" && node.outputs.size() > 1) return true;
    if (crosses(16) && op == "RoiAlign") return !has(node, "coordinate_transformation_mode");
    if (crosses(19) && op == "AveragePool") return int_of(node, "ceil_mode", 0) != 0;
    if (crosses(20) && (op == "GridSample" || op == "DFT")) return true;
    return crosses(21) && op == "GroupNormalization";
  }

  std::int64_t from_, to_;
};

/// Bodies are not rewritten; what would have to be is refused.
Result<void> check_body(ByteView graph, const Step& step, const std::string& advice);

Result<void> check_bodies(const NodeProto& node, const Step& step, const std::string& advice) {
  for (const Attribute& attribute : node.attributes) {
    if (!attribute.graph.empty()) TRY(check_body(attribute.graph, step, advice));
  }
  return {};
}

Result<void> check_body(ByteView graph, const Step& step, const std::string& advice) {
  const runtime::onnx::ModelProto body = TRY(runtime::onnx::parse_body(graph));
  for (const NodeProto& node : body.nodes) {
    if (step.change_of(node).kind != Change::Kind::None)
      return invalid_argument("operator ", node.op, " (node ", node.name,
                              ") within the body of another node ", advice);
    TRY(check_bodies(node, step, advice));
  }
  return {};
}

Result<void> rewrite(Draft& draft, std::size_t place, const Change& change) {
  const NodeProto& node = draft.source().nodes()[place];
  if (change.kind == Change::Kind::CountOutputs) {
    draft.replace(place,
                  with_attribute(draft.node(place), {"num_outputs", std::ssize(node.outputs)}));
    return {};
  }
  const std::string name = draft.make_name(text(draft.source().name_of(place), "_", change.list));
  draft.add(encode_tensor(name, find_attribute(node, change.list)->ints));
  draft.replace(place, TRY(without_attribute(draft.node(place), change.list)));
  return draft.reread(place, 1, name);
}

}  // namespace

Result<std::map<std::string, std::size_t>> raise_opset(Draft& draft, std::int64_t wanted) {
  std::map<std::string, std::size_t> rewritten;
  const Source& source = draft.source();
  if (source.opset() >= wanted) return rewritten;
  TORCHKEEP_CHECK(wanted <= kNewestRaised);
  if (source.opset() < kOldestRaised)
    return invalid_argument("the model follows operator set ", source.opset(), ", wanted is ",
                            wanted, "; ", kOldestRaised,
                            " and newer are raised: export it with opset_version=17");
  const std::string advice =
      text("means something else since operator set ", source.opset(), ", and ", wanted,
           " is needed; export the model with opset_version=", wanted > 18 ? 18 : wanted,
           " or newer, or take --weights int8");
  const Step step(source.opset(), wanted);
  for (std::size_t i = 0; i < source.nodes().size(); ++i) {
    const NodeProto& node = source.nodes()[i];
    TRY(check_bodies(node, step, advice));
    const Change change = step.change_of(node);
    if (change.kind == Change::Kind::None) continue;
    if (change.kind == Change::Kind::Refused)
      return invalid_argument(source.describe(i), " ", advice);
    TRY(rewrite(draft, i, change));
    ++rewritten[std::string(node.op)];
  }
  draft.set_opset(wanted);
  return rewritten;
}

}  // namespace torchkeep::quantise
