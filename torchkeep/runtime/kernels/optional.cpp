// Optional-15, OptionalGetElement-15 to OptionalGetElement-18, OptionalHasElement-15 to
// OptionalHasElement-18: https://onnx.ai/onnx/operators/onnx__Optional.html and the others' pages
// beside it.
#include "torchkeep/runtime/kernels/alone.h"
#include "torchkeep/runtime/kernels/operators.h"

namespace torchkeep::runtime::kernels {
namespace {

/// What is in it; a value that is no optional is its own element. None if it is left out or empty.
Result<std::optional<Item>> element_of(std::span<const plan::View> inputs) {
  if (inputs.empty() || inputs[0].data == nullptr) return std::optional<Item>();
  const Item input = item_of(inputs[0]);
  if (input.dtype != DataType::Optional) return std::optional(input);
  const std::vector<Item> items = TRY(parse_items(DataType::Optional, input.bytes));
  return items.empty() ? std::optional<Item>() : std::optional(items[0]);
}

class MakeOptional final : public Alone {
 public:
  Result<std::vector<Tensor>> run(std::span<const plan::View> inputs, plan::Context&) override {
    const std::optional<Item> element = TRY(element_of(inputs));
    if (!element) return one(encode_items(DataType::Optional, {}));
    return one(encode_items(DataType::Optional, {&*element, 1}));
  }
};

class OptionalGetElement final : public Alone {
 public:
  Result<std::vector<Tensor>> run(std::span<const plan::View> inputs, plan::Context&) override {
    const std::optional<Item> element = TRY(element_of(inputs));
    if (!element) return malformed("the optional is empty");
    return one(tensor_of(*element));
  }
};

class OptionalHasElement final : public Alone {
 public:
  Result<std::vector<Tensor>> run(std::span<const plan::View> inputs, plan::Context&) override {
    return one(scalar_of(Truth{TRY(element_of(inputs)).has_value()}));
  }
};

}  // namespace

Result<KernelPointer> make_optional(NodeReader& node) {
  node.ignore("type");  // of what is not there
  return std::make_unique<MakeOptional>();
}
Result<KernelPointer> make_optional_get_element(NodeReader&) {
  return std::make_unique<OptionalGetElement>();
}
Result<KernelPointer> make_optional_has_element(NodeReader&) {
  return std::make_unique<OptionalHasElement>();
}

}  // namespace torchkeep::runtime::kernels
