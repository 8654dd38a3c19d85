#include <algorithm>

#include "torchkeep/base/thread_pool.h"
#include "torchkeep/cli/commands/commands.h"
#include "torchkeep/cli/model_inputs.h"
#include "torchkeep/cli/ordinary_input.h"
#include "torchkeep/cli/rounded.h"
#include "torchkeep/cli/samples.h"
#include "torchkeep/quantise/quantise.h"

namespace torchkeep::cli {
namespace {

using quantise::Order;
using quantise::Report;
using quantise::Samples;
using quantise::Way;

struct Options {
  Order order;
  std::string weights;  ///< "int8" or "int4"; empty: not asked for.
  bool dynamic = false, fixed = false;
  std::vector<std::string> calibrate, dimensions;
};

/// What is asked for more than once, or does not go together. Errors: InvalidArgument.
Result<void> settle(Options& options) {
  const int ways = (options.dynamic ? 1 : 0) + (options.fixed ? 1 : 0);
  if (ways == 2 || (ways == 1 && !options.weights.empty()))
    return invalid_argument("--weights, --dynamic and --static exclude each other: choose one");
  if (options.dynamic) options.order.way = Way::Dynamic;
  if (options.fixed) options.order.way = Way::Static;
  if (options.weights == "int4") options.order.bits = 4;
  if (options.fixed && options.calibrate.empty())
    return invalid_argument(
        "--static needs samples of what the model will be asked: --calibrate FILE or FOLDER");
  return {};
}

/// The samples that the user names, or ordinary numbers.
Result<Samples> make_samples(const Options& options, const std::vector<runtime::Port>& ports) {
  const Outline outline = TRY(load_outline(options.order.model));
  const Sizes sizes = TRY(parse_sizes(1, options.dimensions, outline));
  if (options.calibrate.empty())
    return Samples{1, [=](std::size_t) { return make_inputs(ports, {}, outline, sizes); }};
  const auto files = TRY(find_samples(ports, options.calibrate));
  return Samples{files.size(), [=](std::size_t index) -> Result<std::vector<runtime::Tensor>> {
                   std::vector<runtime::Tensor> tensors;
                   for (std::size_t i = 0; i < ports.size(); ++i)
                     tensors.push_back(TRY(load_input(ports[i], files[index][i])));
                   return tensors;
                 }};
}

std::string mebibytes(std::uint64_t bytes) {
  return rounded(static_cast<double>(bytes) / (1024 * 1024)) + " MiB";
}

/// Of the outputs that are furthest off; a language model's caches are outputs too.
void tell_differences(const Console& console, const Options& options, const Report& report) {
  constexpr std::size_t kShown = 3;
  std::vector<quantise::Difference> worst = report.differences;
  std::ranges::stable_sort(worst, std::ranges::greater(), &quantise::Difference::relative);
  // One more is not worth a line that says so.
  const std::size_t shown = worst.size() <= kShown + 1 ? worst.size() : kShown;
  for (std::size_t i = 0; i < shown; ++i) {
    const quantise::Difference& each = worst[i];
    console.field(each.output, text("differs by at most ", rounded(each.absolute), ", ",
                                    rounded(100 * each.relative), " % of its largest number, on ",
                                    report.samples, options.calibrate.empty() ? " made up" : "",
                                    report.samples == 1 ? " sample" : " samples"));
  }
  if (shown < worst.size())
    console.field("outputs", text(worst.size() - shown, " more, none further off: see --json"));
}

void tell(const Console& console, const Options& options, const Report& report) {
  constexpr std::size_t kShown = 12;
  const Order& order = options.order;
  console.line("Quantised ", order.model.string(), " to ", order.output.string());
  console.field("size",
                text(mebibytes(report.bytes_before), ", now ", mebibytes(report.bytes_after),
                     report.data.empty() ? "" : "; parameters in " + report.data.string()));
  if (report.opset_before != report.opset_after) {
    std::string rewritten;
    for (const auto& [op, count] : report.rewritten) rewritten += text(", ", op, " ", count);
    console.field("operator set",
                  text(report.opset_before, ", now ", report.opset_after,
                       rewritten.empty() ? "" : "; rewritten: " + rewritten.substr(2)));
  }
  for (const auto& [op, count] : report.quantised) console.field(op, text(count, " quantised"));
  std::map<std::string, std::size_t> reasons;
  for (const quantise::Left& each : report.left) ++reasons[text(each.op, ": ", each.reason)];
  std::size_t shown = 0;
  for (const auto& [reason, count] : reasons) {
    if (shown++ == kShown) break;
    console.field("left", text(count, " ", reason));
  }
  if (shown > kShown) console.field("left", text(reasons.size() - kShown, " more: see --json"));
  tell_differences(console, options, report);
}

json::Json encode(const Options& options, const Report& report) {
  json::Json left = json::Json::array(), differences = json::Json::array();
  for (const quantise::Left& each : report.left)
    left.push_back({{"node", each.node}, {"operator", each.op}, {"reason", each.reason}});
  for (const quantise::Difference& each : report.differences)
    differences.push_back(
        {{"output", each.output}, {"absolute", each.absolute}, {"relative", each.relative}});
  return {{"model", options.order.model.string()},
          {"output", options.order.output.string()},
          {"external_data", report.data.string()},
          {"bytes_before", report.bytes_before},
          {"bytes_after", report.bytes_after},
          {"opset_before", report.opset_before},
          {"opset_after", report.opset_after},
          {"rewritten", report.rewritten},
          {"quantised", report.quantised},
          {"left", std::move(left)},
          {"differences", std::move(differences)},
          {"samples", report.samples},
          {"samples_made_up", options.calibrate.empty()}};
}

Result<void> run(const Invocation& invocation, Options options) {
  TRY(settle(options));
  constexpr std::uint64_t kTicks = 1000;
  std::uint64_t shown = 0;
  Result<Report> made = not_found("nothing was quantised");
  {
    Progress progress("quantising", kTicks);
    const auto samples = [&](const auto& ports) { return make_samples(options, ports); };
    made = quantise::quantise(options.order, samples, [&](double part) {
      const auto now = static_cast<std::uint64_t>(part * static_cast<double>(kTicks));
      progress.advance(now - shown);
      shown = now;
    });
  }
  if (!made) return made.error();
  tell(invocation.console, options, *made);
  invocation.console.answer(encode(options, *made));
  return {};
}

}  // namespace

void add_quantize(Command app, Invocation& invocation) {
  const Command command = app.add_command(
      "quantize", "Make a model smaller and faster with numbers of fewer bits, before `protect`");
  command.footer(
      "Weights of 8 bits are the default. The output is a standard ONNX model. How far its answers "
      "are from the\n"
      "model's is measured on the samples, or on seeded ordinary numbers; judge by your own "
      "measure too.\n"
      "Example: torchkeep quantize resnet50.onnx -o resnet50-int8.onnx --static --calibrate "
      "pictures/");
  auto options = std::make_shared<Options>();
  command.add_option("MODEL", options->order.model, "The model, as .onnx; external data beside it")
      .required()
      .type_name("FILE");
  command.add_option("-o,--output", options->order.output, "The quantised model, as .onnx")
      .required()
      .type_name("FILE");
  command
      .add_option("--weights", options->weights,
                  "Weights alone, int8 or int4: MatMul and Gemm; for language models")
      .one_of({"int8", "int4"});
  command.add_option("--block", options->order.block, "With int4: how many weights share a scale")
      .show_default();
  command.add_flag("--dynamic", options->dynamic,
                   "Activations too, as each run finds them: MatMul and Gemm; no samples needed");
  command.add_flag("--static", options->fixed,
                   "Activations too, by ranges that samples show: Conv, MatMul and Gemm; fastest");
  command
      .add_option("--calibrate", options->calibrate,
                  "Samples: .npy or .pb files, NAME=FILE for several inputs, or a folder of them; "
                  "may be repeated")
      .type_name("FILE");
  command
      .add_option("--percentile", options->order.percentile,
                  "With --static: of an activation's numbers that its range holds; 100: all")
      .show_default();
  command.add_flag(
      "--portable", options->order.portable,
      "With --static: quantise also between convolutions and sums, which is slower here and "
      "faster in ONNX Runtime");
  command
      .add_option("--dim", options->dimensions,
                  "A dimension that the model leaves open, for made up samples; may be repeated")
      .type_name("NAME=N");
  options->order.threads = static_cast<int>(usable_cores());
  command.add_option("--threads", options->order.threads, "That a run may use")
      .within(1, 256)
      .show_default();
  command.add_flag("--force", options->order.replace, "Replace an existing output");
  run_when_called(command, invocation, options, run);
}

}  // namespace torchkeep::cli
