#include <algorithm>
#include <chrono>
#include <filesystem>

#include "torchkeep/base/thread_pool.h"
#include "torchkeep/cli/commands/commands.h"
#include "torchkeep/cli/model_inputs.h"
#include "torchkeep/cli/rounded.h"
#include "torchkeep/cli/tensor_file.h"
#include "torchkeep/runtime/model.h"

namespace torchkeep::cli {
namespace {

using Milliseconds = std::chrono::duration<double, std::milli>;

struct Options {
  Path model, output;
  std::vector<std::string> inputs;
  std::string format = "npy";
  int threads = static_cast<int>(usable_cores());
};

/// A file for each output. Errors: InvalidArgument if two names would make the same one.
Result<std::vector<std::string>> output_files(std::span<const runtime::Port> ports,
                                              const std::string& format) {
  std::vector<std::string> files;
  for (const runtime::Port& port : ports) {
    files.push_back(tensor_file_name(port.name, "." + format));
    if (std::ranges::count(files, files.back()) > 1) {
      return invalid_argument("two outputs would both be stored as ", files.back(),
                              "; rename one of them in the model");
    }
  }
  return files;
}

Result<void> run(const Invocation& invocation, const Options& options) {
  const auto started = std::chrono::steady_clock::now();
  const auto model = TRY(runtime::Model::load_onnx(options.model, {.threads = options.threads})
                             .context(options.model.string()));
  const Milliseconds load = std::chrono::steady_clock::now() - started;
  const auto inputs = TRY(load_inputs(model->inputs(), options.inputs));
  const auto files = TRY(output_files(model->outputs(), options.format));

  const auto asked = std::chrono::steady_clock::now();
  const auto outputs = TRY(model->run(inputs).context(options.model.string()));
  const Milliseconds took = std::chrono::steady_clock::now() - asked;

  std::error_code failure;
  std::filesystem::create_directories(options.output, failure);
  if (failure) return unavailable("cannot make ", options.output.string(), ": ", failure.message());
  invocation.console.line("Loaded in ", rounded(load.count()), " ms, ran in ",
                          rounded(took.count()), " ms");
  json::Json told = json::Json::array();
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    const std::string& name = model->outputs()[i].name;
    const Path file = options.output / files[i];
    TRY(store_tensor(file, name, outputs[i]));
    const std::string_view datatype = runtime::name_of(outputs[i].dtype);
    invocation.console.field(
        name, text(datatype, " ", runtime::describe(outputs[i].shape), "  ", file.string()));
    told.push_back({{"name", name},
                    {"datatype", datatype},
                    {"shape", outputs[i].shape},
                    {"file", file.string()}});
  }
  invocation.console.answer(
      {{"load_ms", load.count()}, {"run_ms", took.count()}, {"outputs", std::move(told)}});
  return {};
}

}  // namespace

void add_run(Command app, Invocation& invocation) {
  const Command command = app.add_command("run", "Run a model in clear, here, as a worker would");
  command.footer(
      "Inputs and outputs are .npy (numpy.save) or .pb (one ONNX TensorProto) files.\n"
      "Example: torchkeep run resnet50.onnx -i input=cat.npy -o answer/");
  auto options = std::make_shared<Options>();
  command.add_option("MODEL", options->model, "The model, as .onnx; external data beside it")
      .required()
      .type_name("FILE");
  command
      .add_option("-i,--input", options->inputs,
                  "An input and its tensor; may be repeated. FILE alone if there is one input")
      .type_name("NAME=FILE");
  command.add_option("-o,--output", options->output, "Folder for a file of each output")
      .required()
      .type_name("FOLDER");
  command.add_option("--format", options->format, "Of the outputs: npy or pb")
      .one_of({"npy", "pb"})
      .show_default();
  command.add_option("--threads", options->threads, "That the run may use")
      .within(1, 256)
      .show_default();
  run_when_called(command, invocation, options, run);
}

}  // namespace torchkeep::cli
