#include "torchkeep/cli/model_inputs.h"

#include <algorithm>

#include "torchkeep/base/text.h"
#include "torchkeep/cli/tensor_file.h"

namespace torchkeep::cli {
namespace {

using runtime::Port;
using runtime::Shape;
using runtime::Tensor;

bool fits(const Shape& shape, const Shape& declared) {
  return std::ranges::equal(shape, declared, [](std::int64_t size, std::int64_t wanted) {
    return wanted == -1 || size == wanted;
  });
}

struct Named {
  std::size_t input;
  Path file;
};

// Names may hold an '=' of their own, as files may.
Result<Named> take_apart(std::span<const Port> ports, const std::string& argument) {
  for (auto equals = argument.find('='); equals != argument.npos;
       equals = argument.find('=', equals + 1)) {
    const auto port = std::ranges::find(ports, argument.substr(0, equals), &Port::name);
    if (port != ports.end()) {
      return Named{static_cast<std::size_t>(port - ports.begin()), argument.substr(equals + 1)};
    }
  }
  std::error_code ignored;
  const bool alone =
      argument.find('=') == argument.npos || std::filesystem::exists(argument, ignored);
  if (alone && ports.size() == 1) return Named{0, argument};
  if (alone) {
    return invalid_argument("-i ", argument, " names no input: write NAME=FILE; the inputs are ",
                            describe(ports));
  }
  return invalid_argument("-i ", argument, ": the model has no input \"",
                          argument.substr(0, argument.find('=')), "\"; its inputs are ",
                          describe(ports));
}

}  // namespace

std::string describe(std::span<const Port> ports) {
  std::string out;
  for (const Port& port : ports) {
    out += text(out.empty() ? "" : ", ", "\"", port.name, "\" ", runtime::name_of(port.dtype), " ",
                runtime::describe(port.shape));
  }
  return out.empty() ? "none" : out;
}

Result<std::vector<std::optional<Path>>> match_inputs(std::span<const Port> ports,
                                                      const std::vector<std::string>& arguments) {
  std::vector<std::optional<Path>> files(ports.size());
  for (const std::string& argument : arguments) {
    Named named = TRY(take_apart(ports, argument));
    auto& file = files[named.input];
    if (file) {
      return invalid_argument("input \"", ports[named.input].name,
                              "\" is given twice: ", file->string(), " and ", named.file.string());
    }
    file = std::move(named.file);
  }
  return files;
}

Result<Tensor> load_input(const Port& port, const Path& file) {
  Tensor tensor = TRY(load_tensor(file).context(text("input \"", port.name, "\"")));
  if (tensor.dtype != port.dtype) {
    return invalid_argument("input \"", port.name, "\" is ", runtime::name_of(tensor.dtype), " in ",
                            file.string(), ", the model wants ", runtime::name_of(port.dtype),
                            ": store array.astype('", numpy_name(port.dtype), "')");
  }
  if (!fits(tensor.shape, port.shape)) {
    return invalid_argument(
        "input \"", port.name, "\" has shape ", runtime::describe(tensor.shape), " in ",
        file.string(), ", the model wants ", runtime::describe(port.shape),
        tensor.shape.size() + 1 == port.shape.size() ? ": array[None] adds a batch of one" : "");
  }
  return tensor;
}

Result<std::vector<Tensor>> load_inputs(std::span<const Port> ports,
                                        const std::vector<std::string>& arguments) {
  const auto files = TRY(match_inputs(ports, arguments));
  std::vector<Tensor> tensors;
  for (std::size_t i = 0; i < ports.size(); ++i) {
    if (!files[i]) {
      return invalid_argument("input \"", ports[i].name, "\" is missing: give it with -i ",
                              ports[i].name, "=FILE; the inputs are ", describe(ports));
    }
    tensors.push_back(TRY(load_input(ports[i], *files[i])));
  }
  return tensors;
}

}  // namespace torchkeep::cli
