#include "torchkeep/cli/tensor_file.h"

#include <algorithm>

#include "torchkeep/cli/npy.h"
#include "torchkeep/runtime/graph/onnx_tensor.h"
#include "torchkeep/runtime/sequence.h"

namespace torchkeep::cli {
namespace {

using runtime::Tensor;
namespace wire = runtime::wire;

constexpr std::size_t kMaxFileBytes = std::size_t{8} << 30;

Error wrong_ending(const Path& path) {
  return invalid_argument(path.string(),
                          " ends neither in .npy (numpy.save) nor in .pb (an ONNX TensorProto)");
}

}  // namespace

Result<Tensor> parse_tensor_message(ByteView message) {
  const auto proto = TRY(runtime::onnx::parse_tensor(message));
  if (proto.external)
    return malformed("its elements are in another file, \"", proto.external->location, "\"");
  if (!proto.raw) {
    // Each element of a list takes a byte of the message or more: a claimed shape allocates
    // nothing.
    std::uint64_t room = 0;
    for (const ByteView field : proto.typed) room += 8 * field.size();
    if (proto.byte_count > room) return malformed("it has fewer elements than its shape says");
  }
  Tensor tensor = TRY(Tensor::uninitialised(proto.dtype, proto.shape));
  TRY(runtime::onnx::copy_elements(proto, tensor.data));
  return tensor;
}

// SequenceProto: tensor_values = 3, sparse_tensor_values = 4, sequence_values = 5, map_values = 6,
// optional_values = 7; OptionalProto has one of each under the same numbers.
Result<Tensor> parse_items_message(runtime::DataType kind, ByteView message) {
  std::vector<Tensor> items;
  wire::Reader reader(message);
  while (const std::optional<wire::Field> field = TRY(reader.next())) {
    if (field->number < 3) continue;  // the name, and which of the others there are
    if (field->number == 3) {
      items.push_back(TRY(parse_tensor_message(field->bytes)));
    } else if (field->number == 5 && kind == runtime::DataType::Optional) {
      items.push_back(TRY(parse_items_message(runtime::DataType::Sequence, field->bytes)));
    } else {
      return malformed("what it holds is neither tensors nor a sequence of them");
    }
  }
  if (kind == runtime::DataType::Optional && items.size() > 1)
    return malformed("an optional holds ", items.size(), " values");
  std::vector<runtime::Item> views;
  for (const Tensor& item : items) views.push_back(runtime::Item::of(item));
  return runtime::encode_items(kind, views);
}

SecretBuffer encode_tensor_message(std::string_view name, const Tensor& tensor) {
  SecretBuffer out;
  out.reserve(tensor.data.size() + name.size() + 64);
  for (const std::int64_t size : tensor.shape) wire::append_int(out, 1, size);
  wire::append_int(out, 2, static_cast<std::int64_t>(tensor.dtype));
  wire::append_field(out, 8, as_bytes(name));
  wire::append_field(out, 9, tensor.data);
  return out;
}

Result<Tensor> load_tensor(const Path& path) {
  if (path.extension() == ".pb") {
    const SecretBytes bytes = TRY(load_secret_file(path, kMaxFileBytes));
    return parse_tensor_message(bytes.expose()).context(path.string());
  }
  if (path.extension() != ".npy") return wrong_ending(path);
  NpyArray array = TRY(load_npy(path));
  const auto dtype = TRY(runtime::parse_data_type(array.datatype).context(path.string()));
  return Tensor(dtype, runtime::Shape(array.shape.begin(), array.shape.end()),
                std::move(array.data));
}

Result<Tensor> load_value(const Path& path, runtime::DataType type) {
  if (runtime::is_tensor(type) || path.extension() != ".pb") {
    Tensor tensor = TRY(load_tensor(path));
    // NumPy has no bfloat16, so that ONNX's older cases hold its bits as integers.
    const bool bits = tensor.dtype == runtime::DataType::UInt16;
    if (bits && type == runtime::DataType::Bfloat16) tensor.dtype = type;
    return tensor;
  }
  const SecretBytes bytes = TRY(load_secret_file(path, kMaxFileBytes));
  return parse_items_message(type, bytes.expose()).context(path.string());
}

Result<void> store_tensor(const Path& path, std::string_view name, const Tensor& tensor) {
  if (path.extension() == ".pb") return store_file(path, encode_tensor_message(name, tensor));
  if (path.extension() != ".npy") return wrong_ending(path);
  const std::string datatype(runtime::name_of(tensor.dtype));
  if (!npy_has(datatype)) {
    return invalid_argument("NumPy has no type for ", datatype, ": store \"", name,
                            "\" with --format pb");
  }
  return store_npy(path, {datatype, {tensor.shape.begin(), tensor.shape.end()}, tensor.data});
}

std::string tensor_file_name(std::string_view name, std::string_view ending) {
  std::string file(name);
  std::ranges::replace(file, '/', '_');
  return file + std::string(ending);
}

std::string numpy_name(runtime::DataType type) {
  std::string name(runtime::name_of(type));
  std::ranges::transform(name, name.begin(), [](char c) {
    return static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c);
  });
  if (name.starts_with("fp")) name.replace(0, 2, "float");
  return name;
}

}  // namespace torchkeep::cli
