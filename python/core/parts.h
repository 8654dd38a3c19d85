#pragma once

#include "python/core/pybind.h"

/// What each source adds to the extension module.
namespace torchkeep::python {

void add_owner(py::module_& module);
void add_quantise(py::module_& module);
void add_session(py::module_& module);

}  // namespace torchkeep::python
