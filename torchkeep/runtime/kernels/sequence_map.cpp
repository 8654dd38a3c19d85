// SequenceMap-17: https://onnx.ai/onnx/operators/onnx__SequenceMap.html
// The body is a program of its own, run once for each item.
#include <algorithm>
#include <deque>

#include "torchkeep/runtime/kernels/alone.h"
#include "torchkeep/runtime/kernels/operators.h"
#include "torchkeep/runtime/kernels/repeated_body.h"

namespace torchkeep::runtime::kernels {
namespace {

class SequenceMap final : public Alone {
 public:
  SequenceMap(BodyKernels body, const NodeReader& node) : repeated_(std::move(body), node) {}

  Result<std::vector<Tensor>> run(std::span<const plan::View> inputs,
                                  plan::Context& context) override {
    const std::size_t count = TRY(sequence_items(inputs, 0)).size();
    std::vector<std::vector<Item>> sequences;  // none for a tensor, which each run is handed
    for (std::size_t k = 0; k < repeated_.node_inputs(); ++k) {
      const bool is_sequence = inputs[k].dtype == DataType::Sequence;
      sequences.push_back(is_sequence ? TRY(sequence_items(inputs, k)) : std::vector<Item>());
      if (is_sequence && sequences.back().size() != count)
        return malformed("sequences of ", count, " and ", sequences.back().size(), " items");
    }
    std::vector<std::vector<Tensor>> made(repeated_.body().outputs.size());
    std::uint64_t kept = 0;
    for (std::size_t i = 0; i < count; ++i) {
      std::vector<plan::View> views;
      for (std::size_t k = 0; k < repeated_.node_inputs(); ++k)
        views.push_back(inputs[k].dtype == DataType::Sequence ? view_of(sequences[k][i])
                                                              : inputs[k]);
      for (const std::size_t place : repeated_.captured()) views.push_back(inputs[place]);
      std::vector<Tensor> outputs = TRY(
          repeated_.program(context).run(views, std::vector<bool>(views.size(), false), context));
      for (std::size_t k = 0; k < made.size(); ++k) {
        kept += kept_bytes(outputs[k]);
        made[k].push_back(std::move(outputs[k]));
      }
      TRY(context.check_kept(kept));
    }
    std::vector<Tensor> outputs;
    for (const std::vector<Tensor>& tensors : made) {
      std::vector<Item> items;
      for (const Tensor& tensor : tensors) items.push_back(Item::of(tensor));
      outputs.push_back(encode_items(DataType::Sequence, items));
    }
    return outputs;
  }

 private:
  RepeatedBody repeated_;
};

}  // namespace

Result<KernelPointer> make_sequence_map(NodeReader& node) {
  BodyKernels body = TRY(make_body_kernels(node, "body"));
  const std::size_t inputs = node.node().inputs.size(), outputs = node.node().outputs.size();
  for (std::size_t i = 0; i < inputs; ++i) {
    if (!node.has_input(i)) return malformed("input ", i, " is left out");
  }
  if (body.body->inputs.size() != inputs || body.body->outputs.size() < outputs)
    return malformed("the body has ", body.body->inputs.size(), " inputs and ",
                     body.body->outputs.size(), " outputs, the node has ", inputs, " and ",
                     outputs);
  return std::make_unique<SequenceMap>(std::move(body), node);
}

}  // namespace torchkeep::runtime::kernels
