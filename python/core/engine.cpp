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

std::vector<runtime::Tensor> tensors_of(const std::vector<py::array>& arrays,
                                        const std::vector<runtime::Port>& ports) {
  if (arrays.size() != ports.size()) {
    raise(
        invalid_argument("the model has ", ports.size(), " inputs; ", arrays.size(), " are given"));
  }
  std::vector<runtime::Tensor> tensors;
  for (std::size_t i = 0; i < ports.size(); ++i) {
    tensors.push_back(value_or_raise(tensor_of(arrays[i], ports[i])));
  }
  return tensors;
}

std::vector<py::array> arrays_of(std::vector<runtime::Tensor> tensors) {
  std::vector<py::array> arrays;
  for (runtime::Tensor& tensor : tensors) {
    arrays.push_back(value_or_raise(make_array(
        {std::string(runtime::name_of(tensor.dtype)), tensor.shape, std::move(tensor.data)})));
  }
  return arrays;
}

}  // namespace

Engine::Engine(Path onnx, bool by_operator) : path_(std::move(onnx)) {
  runtime::ModelOptions options;
  options.by_operator = by_operator;
  model_ =
      on_a_thread([&] { return runtime::Model::load_onnx(path_, options).context(path_.string()); },
                  [] {}, [] {});
}

std::vector<py::array> Engine::run(const std::vector<py::array>& inputs) {
  const auto tensors = tensors_of(inputs, model_->inputs());
  return arrays_of(without_gil([&] { return model_->run(tensors); }));
}

std::vector<py::array> Engine::run_operator(std::size_t index,
                                            const std::vector<py::array>& inputs) {
  if (index >= model_->operators().size()) raise(invalid_argument("no operator ", index));
  const auto tensors = tensors_of(inputs, model_->operators()[index].inputs);
  return arrays_of(without_gil([&] { return model_->run_operator(index, tensors); }));
}

void add_engine(py::module_& module) {
  py::class_<Engine>(module, "Engine")
      .def(py::init([](const std::string& path, bool by_operator) {
             return std::make_unique<Engine>(path, by_operator);
           }),
           py::arg("path"), py::arg("by_operator") = false)
      .def_property_readonly("path", [](const Engine& self) { return self.path().string(); })
      .def_property_readonly("inputs",
                             [](const Engine& self) { return describe(self.model().inputs()); })
      .def_property_readonly("outputs",
                             [](const Engine& self) { return describe(self.model().outputs()); })
      .def_property_readonly(
          "operators",
          [](const Engine& self) {
            py::list out;
            for (const runtime::Part& part : self.model().operators()) {
              out.append(py::make_tuple(part.name, describe(part.inputs), describe(part.outputs)));
            }
            return out;
          })
      .def_property_readonly("parameter_bytes",
                             [](const Engine& self) { return self.model().parameter_bytes(); })
      .def("run", &Engine::run, py::arg("inputs"))
      .def("run_operator", &Engine::run_operator, py::arg("index"), py::arg("inputs"));
}

}  // namespace torchkeep::python
