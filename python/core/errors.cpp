#include "python/core/errors.h"

namespace torchkeep::python {

void raise(const Error& error) {
  const std::string name(name_of(error.code));
  const py::object type = py::module_::import("torchkeep.errors").attr(name.c_str());
  PyErr_SetString(type.ptr(), error.message.c_str());
  throw py::error_already_set();
}

}  // namespace torchkeep::python
