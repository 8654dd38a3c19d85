#include "torchkeep/runtime/ports.h"

#include <algorithm>

#include "torchkeep/runtime/sequence.h"

namespace torchkeep::runtime {
namespace {

bool fits(const Shape& shape, const Shape& declared) {
  return std::ranges::equal(shape, declared, [](std::int64_t size, std::int64_t wanted) {
    return wanted == -1 || size == wanted;
  });
}

}  // namespace

Result<void> check_input(const Port& port, const Tensor& tensor) {
  if (tensor.dtype != port.dtype) {
    return invalid_argument("input \"", port.name, "\" is ", name_of(tensor.dtype), ", wanted is ",
                            name_of(port.dtype));
  }
  if (!fits(tensor.shape, port.shape)) {
    return invalid_argument("input \"", port.name, "\" has shape ", describe(tensor.shape),
                            ", wanted is ", describe(port.shape));
  }
  const Result<std::uint64_t> bytes = byte_count(tensor.dtype, tensor.shape);
  if (!bytes) return invalid_argument("input \"", port.name, "\": ", bytes.error().message);
  if (*bytes != tensor.data.size()) {
    return invalid_argument("input \"", port.name, "\" has ", tensor.data.size(),
                            " bytes, which do not follow its shape ", describe(tensor.shape),
                            ", wanted are ", *bytes);
  }
  if (!is_tensor(tensor.dtype)) {
    const auto items = parse_items(tensor.dtype, tensor.data);
    if (!items) return invalid_argument("input \"", port.name, "\": ", items.error().message);
  }
  return {};
}

Result<void> check_output(const Port& port, const Made& made) {
  if (made.dtype == port.dtype && fits(made.shape, port.shape)) return {};
  return malformed("output \"", port.name, "\" is ", name_of(made.dtype), " ", describe(made.shape),
                   ", the graph declares ", name_of(port.dtype), " ", describe(port.shape));
}

}  // namespace torchkeep::runtime
