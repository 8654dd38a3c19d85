#pragma once

#include <pybind11/functional.h>
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

/// The only place where pybind11 is named, so that all sources see the same converters.
namespace torchkeep::python {
namespace py = pybind11;
}
