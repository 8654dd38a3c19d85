#include "torchkeep/quantise/message.h"

namespace torchkeep::quantise {
namespace {

using runtime::wire::Field;
using runtime::wire::Reader;
namespace wire = runtime::wire;

// NodeProto: input = 1, output = 2, name = 3, op_type = 4, attribute = 5.
constexpr std::uint32_t kInput = 1, kOutput = 2, kName = 3, kOperator = 4, kAttribute = 5;
constexpr std::int64_t kIntAttribute = 2;  // AttributeProto.AttributeType

void append_text(SecretBuffer& out, std::uint32_t number, std::string_view text) {
  wire::append_field(out, number, as_bytes(text));
}

// AttributeProto: name = 1, i = 3, type = 20.
SecretBuffer encode_attribute(const Number& attribute) {
  SecretBuffer out;
  append_text(out, 1, attribute.name);
  wire::append_int(out, 3, attribute.value);
  wire::append_int(out, 20, kIntAttribute);
  return out;
}

Result<std::string_view> name_of_attribute(ByteView attribute) {
  std::string_view name;
  Reader reader(attribute);
  while (const std::optional<Field> field = TRY(reader.next())) {
    if (field->number == 1) name = field->as_text();
  }
  return name;
}

template <typename T>
ByteView raw(std::span<const T> values) {
  return {reinterpret_cast<const std::uint8_t*>(values.data()), values.size_bytes()};
}

}  // namespace

SecretBuffer encode_node(std::string_view op, const Names& inputs, const Names& outputs,
                         std::string_view name, std::initializer_list<Number> attributes) {
  SecretBuffer out;
  for (const std::string& each : inputs) append_text(out, kInput, each);
  for (const std::string& each : outputs) append_text(out, kOutput, each);
  append_text(out, kName, name);
  append_text(out, kOperator, op);
  for (const Number& each : attributes) wire::append_field(out, kAttribute, encode_attribute(each));
  return out;
}

SecretBuffer encode_tensor(std::string_view name, std::int64_t type, const runtime::Shape& shape,
                           ByteView elements) {
  // TensorProto: dims = 1, data_type = 2, name = 8, raw_data = 9.
  constexpr std::size_t kFrame = 128;  // more than all but name and elements take
  SecretBuffer out;
  out.reserve(elements.size() + name.size() + kFrame);
  for (const std::int64_t size : shape) wire::append_int(out, 1, size);
  wire::append_int(out, 2, type);
  append_text(out, 8, name);
  wire::append_field(out, 9, elements);
  return out;
}

SecretBuffer encode_tensor(std::string_view name, std::span<const float> values,
                           const runtime::Shape& shape) {
  return encode_tensor(name, static_cast<std::int64_t>(runtime::DataType::Float32), shape,
                       raw(values));
}

SecretBuffer encode_tensor(std::string_view name, std::span<const std::int64_t> values) {
  return encode_tensor(name, static_cast<std::int64_t>(runtime::DataType::Int64),
                       {std::ssize(values)}, raw(values));
}

Result<SecretBuffer> with_input(ByteView node, std::size_t index, std::string_view name) {
  SecretBuffer out;
  std::size_t found = 0;
  Reader reader(node);
  while (const std::optional<Field> field = TRY(reader.next())) {
    if (field->number == kInput && found++ == index)
      append_text(out, kInput, name);
    else
      append(out, field->whole);
  }
  for (; found <= index; ++found) append_text(out, kInput, found == index ? name : "");
  return out;
}

SecretBuffer with_attribute(ByteView node, const Number& attribute) {
  SecretBuffer out = to_secret_buffer(node);
  wire::append_field(out, kAttribute, encode_attribute(attribute));
  return out;
}

Result<SecretBuffer> without_attribute(ByteView node, std::string_view name) {
  SecretBuffer out;
  Reader reader(node);
  while (const std::optional<Field> field = TRY(reader.next())) {
    if (field->number == kAttribute && TRY(name_of_attribute(field->bytes)) == name) continue;
    append(out, field->whole);
  }
  return out;
}

}  // namespace torchkeep::quantise
