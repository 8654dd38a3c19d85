#include "python/core/patience.h"

namespace torchkeep::python {

bool signals_allow() {
  const py::gil_scoped_acquire held;
  return PyErr_Occurred() == nullptr && PyErr_CheckSignals() == 0;
}

}  // namespace torchkeep::python
