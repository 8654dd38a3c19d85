// Tables, by rows:
//
//   w FP32 -> Gather        becomes        w INT8, scales -> DequantizeLinear -> Gather
//   w FP32 -> Transpose -> MatMul    and what turns it reads the same
#include <algorithm>

#include "torchkeep/quantise/ways.h"

namespace torchkeep::quantise {
namespace {

using runtime::DataType;

struct Made {
  Numbers numbers;
  std::int64_t type = 0;
  runtime::Shape scales;
};

Result<Made> make_numbers(const Source& source, const TensorProto& weights, int bits,
                          std::size_t block) {
  const auto rows = static_cast<std::size_t>(weights.shape[0]),
             width = static_cast<std::size_t>(weights.shape[1]);
  const SecretBuffer floats = TRY(source.load_floats(weights));
  Made made;
  if (bits == 4) {
    made.numbers = TRY(quantise_blocks(as_floats(floats), rows, width, block, true));
    made.type = kFourBits;
    made.scales = {weights.shape[0], std::ssize(made.numbers.scales) / weights.shape[0]};
  } else {
    made.numbers = TRY(quantise_channels(as_floats(floats), {1, rows, width}));
    made.type = static_cast<std::int64_t>(DataType::Int8);
    made.scales = {weights.shape[0]};
  }
  return made;
}

SecretBuffer encode_dequantise(const Names& inputs, const std::string& output,
                               const std::string& name, int bits, std::size_t block) {
  if (bits == 4)
    return encode_node("DequantizeLinear", inputs, {output}, name,
                       {{"axis", 1}, {"block_size", static_cast<std::int64_t>(block)}});
  return encode_node("DequantizeLinear", inputs, {output}, name, {{"axis", 0}});
}

Result<void> quantise_table(Draft& draft, const Table& table, int bits, std::size_t block) {
  const TensorProto& weights = *table.weights;
  const Made made = TRY(make_numbers(draft.source(), weights, bits, block));
  const std::string numbers = draft.make_name(text(weights.name, "_int", bits)),
                    scales = draft.make_name(text(weights.name, "_scale")),
                    floats = draft.make_name(text(weights.name, "_dequantized"));
  draft.add(encode_tensor(numbers, made.type, weights.shape, made.numbers.bytes));
  draft.add(encode_tensor(scales, made.numbers.scales, made.scales));
  // In front of whichever reads it first.
  std::size_t first = std::ranges::min(table.readers, {}, &Reading::node).node;
  for (const std::size_t copy : table.copies) first = std::min(first, copy);
  draft.insert(first, encode_dequantise({numbers, scales}, floats,
                                        draft.make_name(text(weights.name, "_rows")), bits, block));
  for (const Reading& reading : table.readers)
    TRY(draft.reread(reading.node, reading.input, floats));
  for (const std::size_t copy : table.copies) {
    const std::string turned = draft.make_name(text(weights.name, "_turned"));
    draft.insert(copy, encode_node("Transpose", {floats}, {turned}, draft.make_name(turned)));
    TRY(draft.reread(copy, 1, turned));
  }
  return {};
}

}  // namespace

Result<void> quantise_tables(Draft& draft, const std::vector<Table>& tables, int bits,
                             std::size_t block, const Step& step) {
  for (const Table& table : tables) {
    step();
    TRY(quantise_table(draft, table, bits, block)
            .context(text("table \"", table.weights->name, "\"")));
  }
  return {};
}

}  // namespace torchkeep::quantise
