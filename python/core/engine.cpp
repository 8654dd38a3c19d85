#include "python/core/engine.h"

#include "python/core/arrays.h"
#include "python/core/patience.h"

namespace torchkeep::python {
namespace {

py::list describe(const std::vector<runtime::Port>& ports) {
  py::list out;
  for (const runtime::Port& port : ports) {
    out.append(py::make_tuple(port.name, runtime::name_of(port.dtype), port.shape));
  }
  return out;
}

Result<runtime::Tensor> tensor_of(const py::array& array, const runtime::Port& port) {
  Elements elements = TRY(copy_elements(array).context(text("input \"", port.name, "\"")));
  const runtime::DataType type = TRY(runtime::parse_data_type(elements.datatype));
  return runtime::Tensor(type, std::move(elements.shape), std::move(elements.data));
}

}  // namespace

Engine::Engine(Path onnx) : path_(std::move(onnx)) {
  model_ = on_a_thread([&] { return runtime::Model::load_onnx(path_).context(path_.string()); },
                       [] {}, [] {});
}

std::vector<py::array> Engine::run(const std::vector<py::array>& inputs) {
  const auto& ports = model_->inputs();
  if (inputs.size() != ports.size()) {
    raise(
        invalid_argument("the model has ", ports.size(), " inputs; ", inputs.size(), " are given"));
  }
  std::vector<runtime::Tensor> tensors;
  for (std::size_t i = 0; i < ports.size(); ++i) {
    tensors.push_back(value_or_raise(tensor_of(inputs[i], ports[i])));
  }
  auto outputs = without_gil([&] { return model_->run(tensors); });
  std::vector<py::array> arrays;
  for (runtime::Tensor& output : outputs) {
    arrays.push_back(value_or_raise(make_array(
        {std::string(runtime::name_of(output.dtype)), output.shape, std::move(output.data)})));
  }
  return arrays;
}

void add_engine(py::module_& module) {
  py::class_<Engine>(module, "Engine")
      .def(py::init([](const std::string& path) { return std::make_unique<Engine>(path); }),
           py::arg("path"))
      .def_property_readonly("path", [](const Engine& self) { return self.path().string(); })
      .def_property_readonly("inputs",
                             [](const Engine& self) { return describe(self.model().inputs()); })
      .def_property_readonly("outputs",
                             [](const Engine& self) { return describe(self.model().outputs()); })
      .def_property_readonly("parameter_bytes",
                             [](const Engine& self) { return self.model().parameter_bytes(); })
      .def("run", &Engine::run, py::arg("inputs"));
}

}  // namespace torchkeep::python
