#pragma once

#include "torchkeep/base/file.h"
#include "torchkeep/runtime/model.h"

#include "python/core/pybind.h"

namespace torchkeep::python {

/// A model in clear, on its owner's machine, run by the engine that workers run it with.
/// Debian's libdnnl is PyTorch's too in this process: its threads are libgomp's here, not ours.
class Engine {
 public:
  /// Raises what `runtime::Model::load_onnx` fails with.
  Engine(Path onnx, bool by_operator);

  const Path& path() const { return path_; }
  const runtime::Model& model() const { return *model_; }

  /// One array for each input, in order. Raises InvalidArgument, Malformed, Unavailable.
  std::vector<py::array> run(const std::vector<py::array>& inputs);
  /// The same of one operator, by its place among `model().operators()`.
  std::vector<py::array> run_operator(std::size_t index, const std::vector<py::array>& inputs);

 private:
  Path path_;
  std::unique_ptr<runtime::Model> model_;
};

void add_engine(py::module_& module);

}  // namespace torchkeep::python
