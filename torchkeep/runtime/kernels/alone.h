#pragma once

#include "torchkeep/runtime/kernels/registry.h"
#include "torchkeep/runtime/kernels/types.h"
#include "torchkeep/runtime/sequence.h"

/// Operators that are run by themselves, whatever they are handed: sequences, optionals, tensors.
namespace torchkeep::runtime::kernels {

class Alone : public Kernel {
 public:
  bool runs_alone() const override { return true; }
  bool takes_halves() const override { return true; }
  bool takes_sequences() const override { return true; }
  Result<void> plan(plan::Builder&) override { return malformed("it is never planned"); }
};

inline Item item_of(const plan::View& view) {
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(view.data);
  return {view.dtype, view.shape, {bytes, byte_count(view.dtype, view.shape).value()}};
}
inline plan::View view_of(const Item& item) {
  return {item.dtype, item.shape, reinterpret_cast<const std::byte*>(item.bytes.data())};
}
inline Tensor tensor_of(const Item& item) {
  return Tensor(item.dtype, item.shape, to_secret_buffer(item.bytes));
}
inline std::vector<Tensor> one(Tensor tensor) {
  std::vector<Tensor> tensors;
  tensors.push_back(std::move(tensor));
  return tensors;
}
template <typename T>
Tensor scalar_of(T value) {
  Tensor tensor(type_of<T>(), {}, SecretBuffer(sizeof(T)));
  tensor.elements<T>()[0] = value;
  return tensor;
}

/// The items of a sequence. Errors: Malformed if it is none.
inline Result<std::vector<Item>> sequence_items(std::span<const plan::View> inputs,
                                                std::size_t input) {
  const plan::View& view = inputs[input];
  if (view.dtype != DataType::Sequence)
    return malformed("input ", input, " is ", name_of(view.dtype), ", wanted is a sequence");
  return parse_items(DataType::Sequence, item_of(view).bytes);
}

/// A single integer of an input. Errors: Malformed for anything else.
inline Result<std::int64_t> read_integer(std::span<const plan::View> inputs, std::size_t input) {
  const plan::View& view = inputs[input];
  if (TRY(element_count(view.shape)) == 1) {
    if (view.dtype == DataType::Int64) return *reinterpret_cast<const std::int64_t*>(view.data);
    if (view.dtype == DataType::Int32)
      return std::int64_t{*reinterpret_cast<const std::int32_t*>(view.data)};
  }
  return malformed("input ", input, " is ", name_of(view.dtype), " ", describe(view.shape),
                   ", wanted is one integer");
}

}  // namespace torchkeep::runtime::kernels
