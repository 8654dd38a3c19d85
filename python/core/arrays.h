#pragma once

#include "torchkeep/base/secret.h"
#include "torchkeep/base/text.h"

#include "python/core/pybind.h"

/// NumPy arrays in and out. What goes in is copied into memory that is wiped; what comes out is
/// that memory itself, wiped when the array goes.
namespace torchkeep::python {

/// An array's elements, row-major. `datatype` is as the Open Inference Protocol spells it.
struct Elements {
  std::string datatype;
  std::vector<std::int64_t> shape;
  SecretBuffer data;
};

/// Copies any array, contiguous or not. Errors: InvalidArgument for a dtype without a name in the
/// protocol, or not little-endian.
Result<Elements> copy_elements(const py::array& array);

/// An array that owns `elements`. Errors: InvalidArgument for a datatype that NumPy does not have.
Result<py::array> make_array(Elements elements);

}  // namespace torchkeep::python
