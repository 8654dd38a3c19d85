#include "python/core/arrays.h"

#include <array>
#include <cstring>
#include <memory>

namespace torchkeep::python {
namespace {

struct Kind {
  const char* datatype;
  char kind;  ///< As NumPy spells it.
  std::size_t bytes;
};
constexpr std::array kKinds = {
    Kind{"BOOL", 'b', 1},   Kind{"INT8", 'i', 1},  Kind{"INT16", 'i', 2},  Kind{"INT32", 'i', 4},
    Kind{"INT64", 'i', 8},  Kind{"UINT8", 'u', 1}, Kind{"UINT16", 'u', 2}, Kind{"UINT32", 'u', 4},
    Kind{"UINT64", 'u', 8}, Kind{"FP16", 'f', 2},  Kind{"FP32", 'f', 4},   Kind{"FP64", 'f', 8}};

}  // namespace

Result<Elements> copy_elements(const py::array& array) {
  const py::dtype type = array.dtype();
  const auto bytes = static_cast<std::size_t>(type.itemsize());
  const auto* const found = std::ranges::find_if(
      kKinds, [&](const Kind& kind) { return kind.kind == type.kind() && kind.bytes == bytes; });
  if (found == kKinds.end() || type.byteorder() == '>') {
    return invalid_argument("arrays of dtype ", type.attr("__str__")().cast<std::string>(),
                            " cannot be sent; convert it, for example with .astype(\"float32\")");
  }
  const auto packed = py::array::ensure(array, py::array::c_style);
  if (!packed) return invalid_argument("this array cannot be laid out in rows");
  Elements out;
  out.datatype = found->datatype;
  out.shape.assign(array.shape(), array.shape() + array.ndim());
  out.data.resize(static_cast<std::size_t>(packed.nbytes()));
  if (!out.data.empty()) std::memcpy(out.data.data(), packed.data(), out.data.size());
  return out;
}

Result<py::array> make_array(Elements elements) {
  const auto* const found = std::ranges::find(kKinds, elements.datatype, &Kind::datatype);
  if (found == kKinds.end()) {
    return invalid_argument("NumPy has no type for ", elements.datatype);
  }
  const py::dtype type(std::string(1, found->kind) + std::to_string(found->bytes));
  auto kept = std::make_unique<SecretBuffer>(std::move(elements.data));
  if (kept->empty()) return py::array(type, elements.shape);
  void* const memory = kept->data();
  const py::capsule owner(kept.get(), [](void* held) { delete static_cast<SecretBuffer*>(held); });
  static_cast<void>(kept.release());  // the capsule's now
  return py::array(type, elements.shape, memory, owner);
}

}  // namespace torchkeep::python
