#include "torchkeep/runtime/graph/inline_constants.h"

#include <algorithm>

#include "torchkeep/runtime/payload.h"

namespace torchkeep::runtime::graph {
namespace {

std::size_t room_for(std::uint64_t bytes) {
  return (bytes + kPayloadAlignment - 1) / kPayloadAlignment * kPayloadAlignment;
}

std::size_t room_for_all(std::span<const onnx::TensorProto> initializers,
                         std::span<const onnx::NodeProto> nodes) {
  std::size_t bytes = 0;
  const auto count = [&](const ConstantSource& source) {
    if (const Result<std::uint64_t> size = source.size()) bytes += room_for(*size);
  };
  for (const onnx::TensorProto& tensor : initializers) {
    if (!tensor.external) count(ConstantSource::of(tensor));
  }
  for (const onnx::NodeProto& node : nodes) {
    if (node.op != "Constant" || node.attributes.empty()) continue;
    if (const Result<ConstantSource> source = source_of(node.attributes[0])) count(*source);
  }
  return bytes;
}

template <typename T>
std::span<const std::uint8_t> bytes_of(const std::vector<T>& values) {
  return {reinterpret_cast<const std::uint8_t*>(values.data()), values.size() * sizeof(T)};
}

}  // namespace

Result<std::uint64_t> ConstantSource::size() const {
  if (tensor == nullptr) return std::uint64_t{bytes.size()};
  std::uint64_t present = tensor->raw ? tensor->raw->size() : 0;
  // The densest typed field is a packed varint: a byte for eight.
  for (const ByteView field : tensor->typed) present += 8 * field.size();
  if (tensor->byte_count > present)
    return malformed("a constant has fewer elements than its shape says");
  return tensor->byte_count;
}

Result<ConstantSource> source_of(const Attribute& attribute) {
  const auto scalar = [](DataType type, const auto& value) {
    return ConstantSource{
        type, {}, nullptr, {reinterpret_cast<const std::uint8_t*>(&value), sizeof value}};
  };
  if (attribute.name == "value" && attribute.tensor) {
    if (attribute.tensor->external)
      return malformed("the value of a constant lies outside the graph");
    return ConstantSource::of(*attribute.tensor);
  }
  if (attribute.name == "value_float") return scalar(DataType::Float32, attribute.f);
  if (attribute.name == "value_int") return scalar(DataType::Int64, attribute.i);
  if (attribute.name == "value_floats") {
    return ConstantSource{
        DataType::Float32, {std::ssize(attribute.floats)}, nullptr, bytes_of(attribute.floats)};
  }
  if (attribute.name == "value_ints") {
    return ConstantSource{
        DataType::Int64, {std::ssize(attribute.ints)}, nullptr, bytes_of(attribute.ints)};
  }
  return malformed("attribute \"", attribute.name, "\" is not supported");
}

InlineConstants::InlineConstants(std::span<const onnx::TensorProto> initializers,
                                 std::span<const onnx::NodeProto> nodes)
    : memory_(std::make_shared<SecretBytes>(room_for_all(initializers, nodes))) {}

Result<std::shared_ptr<Constant>> InlineConstants::make(const ConstantSource& source) {
  const std::uint64_t size = TRY(source.size());
  TORCHKEEP_CHECK(room_for(size) <= memory_->size() - used_);
  auto constant = std::make_shared<Constant>(source.dtype, source.shape, memory_, used_, size);
  used_ += room_for(size);
  if (source.tensor != nullptr) {
    TRY(onnx::copy_elements(*source.tensor, constant->bytes()));
  } else {
    std::ranges::copy(source.bytes, constant->bytes().begin());
  }
  return constant;
}

}  // namespace torchkeep::runtime::graph
