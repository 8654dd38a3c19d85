// SequenceAt-11, SequenceConstruct-11, SequenceEmpty-11, SequenceErase-11, SequenceInsert-11,
// SequenceLength-11: https://onnx.ai/onnx/operators/onnx__SequenceAt.html and the others' pages
// beside it.
#include "torchkeep/runtime/kernels/alone.h"
#include "torchkeep/runtime/kernels/indices.h"
#include "torchkeep/runtime/kernels/operators.h"

namespace torchkeep::runtime::kernels {
namespace {

using Inputs = std::span<const plan::View>;

bool is_there(Inputs inputs, std::size_t input) {
  return input < inputs.size() && inputs[input].data != nullptr;
}

/// The place among `count` that input `input` names. Errors: Malformed if it names none.
Result<std::size_t> read_place(Inputs inputs, std::size_t input, std::size_t count) {
  const std::int64_t index = TRY(read_integer(inputs, input));
  const std::optional<std::size_t> place = place_of_index(index, count);
  if (!place) return wrong_index(index, count);
  return *place;
}

Result<Tensor> at(Inputs inputs) {
  const std::vector<Item> items = TRY(sequence_items(inputs, 0));
  return tensor_of(items[TRY(read_place(inputs, 1, items.size()))]);
}

Result<Tensor> construct(Inputs inputs) {
  std::vector<Item> items;
  for (const plan::View& input : inputs) {
    if (input.data == nullptr || input.dtype != inputs[0].dtype)
      return malformed("what becomes a sequence is not of one type");
    items.push_back(item_of(input));
  }
  return encode_items(DataType::Sequence, items);
}

Result<Tensor> empty(Inputs) { return encode_items(DataType::Sequence, {}); }

Result<Tensor> erase(Inputs inputs) {
  std::vector<Item> items = TRY(sequence_items(inputs, 0));
  if (items.empty()) return malformed("the sequence is empty");
  const std::size_t place =
      is_there(inputs, 1) ? TRY(read_place(inputs, 1, items.size())) : items.size() - 1;
  items.erase(items.begin() + static_cast<std::ptrdiff_t>(place));
  return encode_items(DataType::Sequence, items);
}

Result<Tensor> insert(Inputs inputs) {
  std::vector<Item> items = TRY(sequence_items(inputs, 0));
  const Item added = item_of(inputs[1]);
  if (!items.empty() && items[0].dtype != added.dtype)
    return malformed(name_of(added.dtype), " is put into a sequence of ", name_of(items[0].dtype));
  std::size_t place = items.size();
  if (is_there(inputs, 2)) {
    const std::int64_t index = TRY(read_integer(inputs, 2));
    const auto count = static_cast<std::int64_t>(items.size());
    if (index < -count || index > count) return wrong_index(index, items.size());
    place = static_cast<std::size_t>(index < 0 ? index + count : index);
  }
  items.insert(items.begin() + static_cast<std::ptrdiff_t>(place), added);
  return encode_items(DataType::Sequence, items);
}

Result<Tensor> length(Inputs inputs) {
  return scalar_of(static_cast<std::int64_t>(TRY(sequence_items(inputs, 0)).size()));
}

class OfSequence final : public Alone {
 public:
  using Function = Result<Tensor> (*)(Inputs);
  explicit OfSequence(Function function) : function_(function) {}
  Result<std::vector<Tensor>> run(Inputs inputs, plan::Context& context) override {
    // Many of its inputs may be one and the same: what comes out is no larger than all of them.
    std::uint64_t bytes = 0;
    for (const plan::View& input : inputs) {
      if (input.data != nullptr) bytes += TRY(byte_count(input.dtype, input.shape));
    }
    TRY(context.check_kept(bytes));
    return one(TRY(function_(inputs)));
  }

 private:
  Function function_;
};

}  // namespace

Result<KernelPointer> make_sequence_at(NodeReader&) { return std::make_unique<OfSequence>(at); }
Result<KernelPointer> make_sequence_construct(NodeReader&) {
  return std::make_unique<OfSequence>(construct);
}
Result<KernelPointer> make_sequence_empty(NodeReader& node) {
  // What is put into it says the type; the attribute must be one that the engine has.
  TRY(data_type_of(TRY(node.int_or("dtype", 1))));
  return std::make_unique<OfSequence>(empty);
}
Result<KernelPointer> make_sequence_erase(NodeReader&) {
  return std::make_unique<OfSequence>(erase);
}
Result<KernelPointer> make_sequence_insert(NodeReader&) {
  return std::make_unique<OfSequence>(insert);
}
Result<KernelPointer> make_sequence_length(NodeReader&) {
  return std::make_unique<OfSequence>(length);
}

}  // namespace torchkeep::runtime::kernels
