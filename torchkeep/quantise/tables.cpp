#include "torchkeep/quantise/tables.h"

#include <algorithm>

namespace torchkeep::quantise {
namespace {

using runtime::DataType;

bool is_lookup(const NodeProto& node) {
  return is_standard(node, "Gather") && node.inputs.size() == 2 && int_of(node, "axis", 0) == 0;
}

bool turns_over(const NodeProto& node) {
  const runtime::graph::Attribute* const order = find_attribute(node, "perm");
  return is_standard(node, "Transpose") && node.outputs.size() == 1 &&
         (order == nullptr || order->ints == std::vector<std::int64_t>{1, 0});
}

class Finder {
 public:
  explicit Finder(const Source& source) : source_(source) {}

  /// Why what node `index` looks up is no table to quantise; "" if it is, and `found` then.
  std::string examine(std::size_t index, Table& found) const {
    std::vector<std::string_view> names{source_.origin(source_.nodes()[index].inputs[0])};
    for (std::size_t i = 0; i < names.size(); ++i) {
      if (source_.is_input(names[i])) return "its table is an input of the model, too";
      if (source_.read_elsewhere(names[i]))
        return "its table is an output, or read within the body of another node, too";
      for (const Reading& reading : source_.readers(names[i])) {
        const NodeProto& reader = source_.nodes()[reading.node];
        if (is_standard(reader, "Identity"))
          names.push_back(reader.outputs[0]);
        else if (!add_reader(reading, found))
          return text("its table is read by ", source_.describe(reading.node), ", too");
      }
    }
    return "";
  }

 private:
  bool add_reader(const Reading& reading, Table& found) const {
    const NodeProto& reader = source_.nodes()[reading.node];
    if (reading.input == 0 && turns_over(reader)) {
      if (source_.read_elsewhere(reader.outputs[0])) return false;
      for (const Reading& product : source_.readers(reader.outputs[0])) {
        if (product.input != 1 || !is_standard(source_.nodes()[product.node], "MatMul"))
          return false;
        found.heads.push_back(product.node);
      }
    } else if (reading.input == 1 && is_standard(reader, "Gemm") &&
               int_of(reader, "transB", 0) != 0 &&
               fault_of_gemm(source_, reader, found.weights->shape[0]).empty()) {
      found.heads.push_back(reading.node);
    } else if (reading.input != 0 || !is_lookup(reader)) {
      return false;
    }
    if (is_lookup(reader)) ++found.lookups;
    found.readers.push_back(reading);
    return true;
  }

  const Source& source_;
};

/// Whether a product's weights are the table's numbers, turned over.
Result<bool> is_copy(const Source& source, const Product& product, const Table& table) {
  const runtime::Shape &shape = product.weights->shape, &other = table.weights->shape;
  if (product.kind != Product::Kind::MatMul || shape[0] != other[1] || shape[1] != other[0])
    return false;
  const SecretBuffer left = TRY(source.load_floats(*product.weights)),
                     right = TRY(source.load_floats(*table.weights));
  const auto rows = static_cast<std::size_t>(other[0]), width = static_cast<std::size_t>(other[1]);
  const auto *turned = reinterpret_cast<const std::uint32_t*>(left.data()),
             *straight = reinterpret_cast<const std::uint32_t*>(right.data());
  for (std::size_t i = 0; i < rows; ++i) {
    for (std::size_t j = 0; j < width; ++j)
      if (straight[i * width + j] != turned[j * rows + i]) return false;
  }
  return true;
}

Result<void> take_copies(const Source& source, std::vector<Product>& products, Table& table) {
  for (std::size_t i = products.size(); i-- > 0;) {
    if (!TRY(is_copy(source, products[i], table))) continue;
    table.heads.push_back(products[i].node);
    table.copies.push_back(products[i].node);
    products.erase(products.begin() + static_cast<std::ptrdiff_t>(i));
  }
  return {};
}

}  // namespace

Result<std::vector<Table>> find_tables(const Source& source, const Wanted& wanted,
                                       std::vector<Product>& products, std::vector<Left>& left) {
  const Finder finder(source);
  std::vector<Table> tables;
  std::vector<const TensorProto*> seen;
  for (std::size_t i = 0; i < source.nodes().size(); ++i) {
    if (!is_lookup(source.nodes()[i])) continue;
    const TensorProto* const weights = source.find_known(source.nodes()[i].inputs[0]);
    if (weights == nullptr || weights->dtype != DataType::Float32 || weights->shape.size() != 2 ||
        weights->byte_count / sizeof(float) < wanted.fewest_weights ||
        std::ranges::find(seen, weights) != seen.end())
      continue;
    seen.push_back(weights);
    Table table;
    table.weights = weights;
    std::string fault = finder.examine(i, table);
    if (!fault.empty()) {
      left.push_back({source.name_of(i), "Gather", std::move(fault)});
      continue;
    }
    TRY(take_copies(source, products, table));
    for (const std::size_t head : table.heads)
      std::erase_if(left, [&](const Left& each) { return each.node == source.name_of(head); });
    tables.push_back(std::move(table));
  }
  return tables;
}

}  // namespace torchkeep::quantise
