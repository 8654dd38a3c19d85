#include "torchkeep/runtime/kernels/node_reader.h"

#include <algorithm>

namespace torchkeep::runtime::kernels {

using graph::Attribute;
using graph::AttributeType;

bool NodeReader::has_input(std::size_t index) const {
  return index < node_.inputs.size() && node_.inputs[index] != graph::kLeftOut;
}

std::shared_ptr<graph::Constant> NodeReader::constant(std::size_t index) const {
  return has_input(index) ? graph_.values[node_.inputs[index]].constant : nullptr;
}

Result<const Attribute*> NodeReader::find(std::string_view name, AttributeType type) {
  read_.push_back(name);
  const auto found = std::ranges::find(node_.attributes, name, &Attribute::name);
  if (found == node_.attributes.end()) return static_cast<const Attribute*>(nullptr);
  if (found->type != type) {
    return malformed("attribute ", name, " has type ", static_cast<int>(found->type),
                     ", wanted is ", static_cast<int>(type));
  }
  return &*found;
}

Result<std::int64_t> NodeReader::int_or(std::string_view name, std::int64_t otherwise) {
  const Attribute* attribute = TRY(find(name, AttributeType::Int));
  return attribute == nullptr ? otherwise : attribute->i;
}

Result<float> NodeReader::float_or(std::string_view name, float otherwise) {
  const Attribute* attribute = TRY(find(name, AttributeType::Float));
  return attribute == nullptr ? otherwise : attribute->f;
}

Result<std::string_view> NodeReader::text_or(std::string_view name, std::string_view otherwise) {
  const Attribute* attribute = TRY(find(name, AttributeType::String));
  return attribute == nullptr ? otherwise : attribute->s;
}

Result<std::vector<std::int64_t>> NodeReader::ints(std::string_view name) {
  const Attribute* attribute = TRY(find(name, AttributeType::Ints));
  return attribute == nullptr ? std::vector<std::int64_t>() : attribute->ints;
}

Result<std::vector<float>> NodeReader::floats(std::string_view name) {
  const Attribute* attribute = TRY(find(name, AttributeType::Floats));
  return attribute == nullptr ? std::vector<float>() : attribute->floats;
}

Result<std::vector<std::string_view>> NodeReader::texts(std::string_view name) {
  const Attribute* attribute = TRY(find(name, AttributeType::Strings));
  return attribute == nullptr ? std::vector<std::string_view>() : attribute->strings;
}

Result<const onnx::TensorProto*> NodeReader::tensor(std::string_view name) {
  const Attribute* attribute = TRY(find(name, AttributeType::Tensor));
  return attribute == nullptr ? nullptr : &*attribute->tensor;
}

bool NodeReader::has(std::string_view name) const {
  return std::ranges::find(node_.attributes, name, &Attribute::name) != node_.attributes.end();
}

void NodeReader::ignore(std::string_view name) { read_.push_back(name); }

Result<void> NodeReader::finish() const {
  for (const Attribute& attribute : node_.attributes) {
    if (std::ranges::find(read_, attribute.name) == read_.end()) {
      return malformed("attribute ", attribute.name, " is not supported");
    }
  }
  return {};
}

}  // namespace torchkeep::runtime::kernels
