#include <algorithm>
#include <chrono>

#include "torchkeep/cli/npy.h"
#include "torchkeep/cli/session.h"
#include "torchkeep/client/inference_client.h"

namespace torchkeep::cli {
namespace {

using Milliseconds = std::chrono::duration<double, std::milli>;

struct Options {
  std::string worker, model, owner;
  Path policy, root;
  std::uint64_t version = 0;
  std::vector<std::string> inputs;
  Path output;
  std::uint64_t batch = 0;
  std::uint64_t repeat = 1;
};

struct NamedInput {
  std::string name;
  NpyArray array;
};

Result<std::vector<NamedInput>> load_inputs(const std::vector<std::string>& arguments) {
  std::vector<NamedInput> inputs;
  for (const std::string& argument : arguments) {
    const auto equals = argument.find('=');
    if (equals == argument.npos || equals == 0) {
      return invalid_argument("--input ", argument, ": write NAME=FILE.npy");
    }
    NpyArray array = TRY(load_npy(argument.substr(equals + 1)));
    inputs.push_back({argument.substr(0, equals), std::move(array)});
  }
  return inputs;
}

// Rows `first` to `first + count` of the leading axis.
client::Tensor slice(const NamedInput& input, std::uint64_t first, std::uint64_t count) {
  const NpyArray& array = input.array;
  client::Tensor tensor{input.name, array.datatype, array.shape, {}};
  if (array.shape.empty()) {
    tensor.data = array.data;
    return tensor;
  }
  const std::size_t row = array.data.size() / std::max<std::uint64_t>(array.shape[0], 1);
  tensor.shape[0] = count;
  tensor.data.assign(array.data.begin() + static_cast<std::ptrdiff_t>(first * row),
                     array.data.begin() + static_cast<std::ptrdiff_t>((first + count) * row));
  return tensor;
}

Result<void> gather(std::vector<client::Tensor>& all, std::vector<client::Tensor> more) {
  if (all.empty()) {
    all = std::move(more);
    return {};
  }
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (more.size() != all.size() || more[i].shape.size() != all[i].shape.size() ||
        all[i].shape.empty()) {
      return malformed("the worker's answers to two batches do not fit together");
    }
    all[i].shape[0] += more[i].shape[0];
    all[i].data.insert(all[i].data.end(), more[i].data.begin(), more[i].data.end());
  }
  return {};
}

Result<client::WorkerExpectation> expectation(const Invocation& invocation,
                                              const Options& options) {
  if (!options.owner.empty() || !options.policy.empty()) {
    if (options.owner.empty() || options.policy.empty()) {
      return invalid_argument(
          "--owner and --policy go together: whose model, and what its owner asks of workers");
    }
    const Bytes bytes = TRY(load_file(options.policy, 256 * 1024));
    const json::Json policy = TRY(json::parse(as_text(bytes)).context(options.policy.string()));
    return client::WorkerExpectation{
        TRY(keys::parse_owner_key(options.owner).context("--owner")),
        TRY(keys::parse_policy(policy).context(options.policy.string()))};
  }
  const client::Owner owner = TRY(client::load_owner(TRY(owner_folder(invocation))));
  const client::StatementBook book = TRY(owner.open_book(options.model));
  if (!book.chain())
    return not_found("no model \"", options.model, "\" in ", owner.folder().string());
  return client::WorkerExpectation{owner.public_key(), book.chain()->policy()};
}

Result<Verifier> verifier_of(const Invocation& invocation, const Options& options) {
  if (options.root.empty()) return load_verifier(TRY(owner_folder(invocation)), invocation.pccs);
  if (invocation.pccs.empty()) return invalid_argument("--root needs --pccs HOST:PORT beside it");
  Verifier verifier;
  verifier.pccs = TRY(channel::parse_pccs_address(invocation.pccs).context("--pccs"));
  verifier.roots = TRY(channel::load_roots(options.root));
  return verifier;
}

double percentile(std::vector<double> sorted, double fraction) {
  std::sort(sorted.begin(), sorted.end());
  return sorted[static_cast<std::size_t>(fraction * static_cast<double>(sorted.size() - 1))];
}

Result<void> store_outputs(const Path& folder, std::vector<client::Tensor> outputs) {
  std::error_code failure;
  std::filesystem::create_directories(folder, failure);
  if (failure) return unavailable("cannot make ", folder.string(), ": ", failure.message());
  for (client::Tensor& output : outputs) {
    // Names come from the owner's model; one must not lead out of the folder.
    std::string file = output.name;
    std::ranges::replace(file, '/', '_');
    TRY(store_npy(folder / (file + ".npy"),
                  {output.datatype, output.shape, std::move(output.data)}));
  }
  return {};
}

Result<void> infer(const Invocation& invocation, const Options& options) {
  const channel::Endpoint endpoint =
      TRY(channel::parse_endpoint(options.worker).context("--worker"));
  const client::WorkerExpectation expected = TRY(expectation(invocation, options));
  const std::vector<NamedInput> inputs = TRY(load_inputs(options.inputs));
  Desk desk(TRY(verifier_of(invocation, options)));
  const auto worker =
      TRY(desk.wait(client::InferenceClient::connect(endpoint, desk.client_party(), expected)));

  const auto& leading = inputs.front().array.shape;
  const std::uint64_t rows = leading.empty() ? 1 : leading[0];
  const std::uint64_t batch = options.batch == 0 ? std::max<std::uint64_t>(rows, 1) : options.batch;
  std::vector<client::Tensor> outputs;
  std::vector<double> latencies;
  Progress progress("asking", rows * options.repeat);
  for (std::uint64_t round = 0; round < options.repeat; ++round) {
    outputs.clear();
    for (std::uint64_t first = 0; first < rows; first += batch) {
      const std::uint64_t count = std::min(batch, rows - first);
      std::vector<client::Tensor> part;
      for (const NamedInput& input : inputs) part.push_back(slice(input, first, count));
      const auto start = std::chrono::steady_clock::now();
      auto answer = TRY(desk.wait(worker->infer(options.model, options.version, std::move(part))));
      latencies.push_back(Milliseconds(std::chrono::steady_clock::now() - start).count());
      TRY(gather(outputs, std::move(answer.outputs)));
      progress.advance(count);
    }
  }
  if (latencies.empty()) return invalid_argument("the input has no rows");

  const double median = percentile(latencies, 0.5), p99 = percentile(latencies, 0.99);
  json::Json told = json::Json::array();
  for (const client::Tensor& output : outputs) {
    told.push_back({{"name", output.name}, {"datatype", output.datatype}, {"shape", output.shape}});
  }
  invocation.console.line("Answered by the attested worker at ", endpoint.text(), ": ",
                          latencies.size(), " requests, median ", median, " ms, p99 ", p99, " ms");
  if (!options.output.empty()) {
    TRY(store_outputs(options.output, std::move(outputs)));
    invocation.console.line("Outputs are in ", options.output.string());
  }
  invocation.console.answer({{"requests", latencies.size()},
                             {"median_ms", median},
                             {"p99_ms", p99},
                             {"outputs", std::move(told)}});
  return {};
}

}  // namespace

void add_infer(Command app, Invocation& invocation) {
  const Command command =
      app.add_command("infer", "Ask a worker, after it has proved to be one that the owner lists");
  command.footer(
      "Example: torchkeep infer --worker 127.0.0.1:9000 --model resnet50 --version 1 "
      "--input input=cat.npy -o answer/");
  auto options = std::make_shared<Options>();
  command.add_option("--worker", options->worker, "The worker's address")
      .required()
      .type_name("HOST:PORT");
  command.add_option("--model", options->model, "The model's name").required();
  command.add_option("--version", options->version, "The model's version").required();
  command.add_option("-i,--input", options->inputs, "An input and its array; may be repeated")
      .required()
      .type_name("NAME=FILE.npy");
  command.add_option("-o,--output", options->output, "Folder for NAME.npy of each output")
      .type_name("FOLDER");
  command.add_option("--batch", options->batch,
                     "Rows of the leading axis a request; 0: all at once");
  command.add_option("--repeat", options->repeat, "Ask this often, for measuring")
      .within(1, std::numeric_limits<std::int64_t>::max());
  command.add_option("--owner", options->owner, "Without an owner's folder: the owner's public key")
      .type_name("HEX");
  command.add_option("--policy", options->policy, "Without an owner's folder: the owner's policy")
      .type_name("FILE");
  command.add_option("--root", options->root, "Without an owner's folder: root certificate (PEM)")
      .type_name("FILE");
  run_when_called(command, invocation, options, infer);
}

}  // namespace torchkeep::cli
