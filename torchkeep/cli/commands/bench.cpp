#include <algorithm>
#include <chrono>
#include <cmath>

#include "torchkeep/base/thread_pool.h"
#include "torchkeep/cli/commands/commands.h"
#include "torchkeep/cli/decoding.h"
#include "torchkeep/cli/ordinary_input.h"
#include "torchkeep/cli/rounded.h"
#include "torchkeep/runtime/matrix_rate.h"
#include "torchkeep/runtime/model.h"

namespace torchkeep::cli {
namespace {

using Milliseconds = std::chrono::duration<double, std::milli>;

struct Options {
  Path model;
  std::vector<std::string> inputs, dimensions;
  int threads = static_cast<int>(usable_cores());
  std::int64_t batch = 1;
  std::uint64_t runs = 50;
  bool decode = false;
};

struct Measured {
  double load_ms = 0, first_ms = 0, fastest_ms = 0, median_ms = 0, p99_ms = 0;
  double flops = 0, matrix_rate = 0;
  std::uint64_t arena_bytes = 0, parameter_bytes = 0;

  double floor_ms() const { return matrix_rate == 0 ? 0 : 1000 * flops / matrix_rate; }
};

template <typename F>
double milliseconds_of(F&& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return Milliseconds(std::chrono::steady_clock::now() - start).count();
}

Result<std::vector<runtime::Tensor>> make_inputs(const runtime::Model& model,
                                                 const Options& options) {
  const Outline outline = TRY(load_outline(options.model));
  const Sizes sizes = TRY(parse_sizes(options.batch, options.dimensions, outline));
  return make_inputs(model.inputs(), options.inputs, outline, sizes);
}

/// One run; its answer is dropped within the time, as a server would send it.
Result<void> run_once(runtime::Model& model, std::span<const runtime::Tensor> inputs,
                      double& milliseconds) {
  Result<void> done;
  milliseconds = milliseconds_of([&] {
    const auto outputs = model.run(inputs);
    if (!outputs) done = outputs.error();
  });
  return done;
}

Result<Measured> measure(const Options& options) {
  Measured measured;
  Result<std::unique_ptr<runtime::Model>> loaded = not_found("no model was loaded");
  measured.load_ms = milliseconds_of(
      [&] { loaded = runtime::Model::load_onnx(options.model, {.threads = options.threads}); });
  const auto model = TRY(std::move(loaded).context(options.model.string()));
  const auto inputs = TRY(make_inputs(*model, options));
  TRY(run_once(*model, inputs, measured.first_ms).context(options.model.string()));
  // Before and after the runs, so that a machine that slows down meanwhile is seen by neither
  // alone.
  const double rate_before = TRY(runtime::measure_matrix_rate(options.threads));
  std::vector<double> times(options.runs);
  {
    Progress progress("measuring", options.runs);
    for (double& time : times) {
      TRY(run_once(*model, inputs, time));
      progress.advance(1);
    }
  }
  measured.matrix_rate = std::max(rate_before, TRY(runtime::measure_matrix_rate(options.threads)));
  std::ranges::sort(times);
  // The time within which this part of all runs ended.
  const auto at = [&](double part) {
    return times[static_cast<std::size_t>(std::ceil(part * static_cast<double>(times.size()))) - 1];
  };
  measured.fastest_ms = times.front();
  measured.median_ms = at(0.5);
  measured.p99_ms = at(0.99);
  measured.flops = model->last_cost().flops;
  measured.arena_bytes = model->last_cost().arena_bytes;
  measured.parameter_bytes = model->parameter_bytes();
  return measured;
}

void tell(const Console& console, const Options& options, const Measured& measured) {
  constexpr double kMebi = 1024 * 1024, kGiga = 1e9;
  const double floor = measured.floor_ms();
  console.line(options.model.string(), ", batch ", options.batch, ", ", options.threads,
               " threads, ", options.runs, " runs");
  console.field("median", rounded(measured.median_ms) + " ms, fastest " +
                              rounded(measured.fastest_ms) + " ms");
  console.field("p99", rounded(measured.p99_ms) + " ms");
  console.field("work",
                rounded(measured.flops / kGiga) + " GFLOP in convolutions and matrix products");
  console.field(
      "floor",
      text(rounded(floor), " ms at oneDNN's ", rounded(measured.matrix_rate / kGiga),
           " GFLOP/s on matrices; the median is ",
           floor > 0 ? rounded(measured.median_ms / floor) + " times that" : "not made of these"));
  console.field("arena", rounded(static_cast<double>(measured.arena_bytes) / kMebi) + " MiB");
  console.field("parameters",
                rounded(static_cast<double>(measured.parameter_bytes) / kMebi) + " MiB");
  console.field("load", rounded(measured.load_ms) + " ms");
  console.field("first request", rounded(measured.first_ms) + " ms");
  console.answer({{"fastest_ms", measured.fastest_ms},
                  {"median_ms", measured.median_ms},
                  {"p99_ms", measured.p99_ms},
                  {"flops", measured.flops},
                  {"matrix_flops_per_second", measured.matrix_rate},
                  {"floor_ms", floor},
                  {"arena_bytes", measured.arena_bytes},
                  {"parameter_bytes", measured.parameter_bytes},
                  {"load_ms", measured.load_ms},
                  {"first_request_ms", measured.first_ms},
                  {"runs", options.runs},
                  {"batch", options.batch},
                  {"threads", options.threads}});
}

/// A step at a time, where what a run is is a token.
Result<void> decode(const Console& console, const Options& options) {
  const auto model = TRY(runtime::Model::load_onnx(options.model, {.threads = options.threads})
                             .context(options.model.string()));
  const auto inputs = TRY(make_inputs(*model, options));
  const Decoding found = TRY(measure_decoding(*model, inputs, options.runs, options.threads)
                                 .context(options.model.string()));
  constexpr double kGiga = 1e9;
  console.line(options.model.string(), ", ", options.threads, " threads, ", options.runs,
               " steps of each kind");
  console.field("token", text(rounded(found.new_ms), " ms, ", rounded(found.tokens_per_second()),
                              " tokens a second; each of a length that was not there before"));
  console.field("known length", text(rounded(found.known_ms), " ms, a new one takes ",
                                     rounded(found.new_ms / found.known_ms), " times that"));
  console.field("memory",
                text(rounded(found.read_rate() / kGiga), " GB/s of parameters and state, ",
                     rounded(found.read_rate() / found.memory_rate), " of the ",
                     rounded(found.memory_rate / kGiga), " GB/s that were measured"));
  console.answer({{"new_ms", found.new_ms},
                  {"known_ms", found.known_ms},
                  {"tokens_per_second", found.tokens_per_second()},
                  {"read_bytes", found.read_bytes},
                  {"read_bytes_per_second", found.read_rate()},
                  {"memory_bytes_per_second", found.memory_rate},
                  {"runs", options.runs},
                  {"threads", options.threads}});
  return {};
}

}  // namespace

void add_bench(Command app, Invocation& invocation) {
  const Command command = app.add_command("bench", "Measure how fast a model in clear runs here");
  command.footer(
      "Inputs are seeded ordinary numbers unless -i hands them in. Dimensions that the model "
      "leaves open are 1\n"
      "unless --batch (the first of each input) or --dim says otherwise.\n"
      "Example: torchkeep bench bert.onnx --threads 2 --batch 8 --dim sequence=128");
  auto options = std::make_shared<Options>();
  command.add_option("MODEL", options->model, "The model, as .onnx; external data beside it")
      .required()
      .type_name("FILE");
  command.add_option("--threads", options->threads, "That a run may use")
      .within(1, 256)
      .show_default();
  command.add_option("--batch", options->batch, "Of first dimensions that are open")
      .within(1, 1 << 20)
      .show_default();
  command
      .add_option("--dim", options->dimensions,
                  "Another open dimension, by its name in the model; may be repeated")
      .type_name("NAME=N");
  command.add_option("--runs", options->runs, "To measure, after the first")
      .within(1, 1'000'000)
      .show_default();
  command
      .add_option("-i,--input", options->inputs,
                  "An input and its tensor (.npy, .pb); may be repeated")
      .type_name("NAME=FILE");
  command.add_flag("--decode", options->decode,
                   "Measure a sequence: outputs behind the first are the last inputs of the next "
                   "run, and each step is one longer");
  command.callback([&invocation, options] {
    invocation.run = [&invocation, options] {
      if (options->decode) return decode(invocation.console, *options);
      const auto measured = measure(*options);
      if (!measured) return Result<void>(measured.error());
      tell(invocation.console, *options, *measured);
      return Result<void>();
    };
  });
}

}  // namespace torchkeep::cli
