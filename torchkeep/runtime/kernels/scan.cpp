// Scan-8 to Scan-23: https://onnx.ai/onnx/operators/onnx__Scan.html
// The body is a program of its own, run once for each step. Version 8 has batches, which are
// scanned one by one; lengths of its sequences are not supported.
#include <algorithm>

#include "torchkeep/runtime/kernels/axis.h"
#include "torchkeep/runtime/kernels/operators.h"
#include "torchkeep/runtime/kernels/repeated_body.h"
#include "torchkeep/runtime/kernels/scan_slices.h"
#include "torchkeep/runtime/kernels/stack.h"

namespace torchkeep::runtime::kernels {
namespace {

constexpr std::int64_t kMostSteps = 1'000'000;

struct Settings {
  std::size_t states = 0, scanned = 0, made = 0;  ///< Inputs and outputs, states first.
  std::vector<std::int64_t> input_axes, output_axes;
  std::vector<bool> input_backwards, output_backwards;
};

class Scan final : public Kernel {
 public:
  Scan(BodyKernels body, const NodeReader& node, Settings settings, bool batched)
      : repeated_(std::move(body), node), settings_(std::move(settings)), batched_(batched) {}

  bool takes_halves() const override { return true; }
  bool runs_alone() const override { return true; }
  Result<void> plan(plan::Builder&) override { return malformed("it is never planned"); }

  Result<std::vector<Tensor>> run(std::span<const plan::View> inputs,
                                  plan::Context& context) override {
    const std::size_t count = settings_.states + settings_.scanned;
    const auto own = inputs.subspan(batched_ ? 1 : 0, count);
    if (!batched_) return scan(own, inputs, context);
    std::int64_t batch = -1;
    for (const plan::View& view : own) {
      if (view.shape.empty() || (batch != -1 && view.shape[0] != batch))
        return malformed("inputs have no batch in common");
      batch = view.shape[0];
    }
    if (batch > kMostSteps)
      return malformed("a batch of ", batch, ", at most ", kMostSteps, " is wanted");
    std::vector<std::vector<Tensor>> outputs(settings_.states + settings_.made);
    std::uint64_t kept = 0;
    for (std::int64_t b = 0; b < batch; ++b) {
      std::vector<Tensor> parts;
      for (const plan::View& view : own) parts.push_back(TRY(slice_of(view, 0, b)));
      std::vector<plan::View> views;
      for (const Tensor& part : parts) views.push_back(plan::View::of(part));
      std::vector<Tensor> made = TRY(scan(views, inputs, context));
      for (std::size_t i = 0; i < made.size(); ++i) {
        kept += kept_bytes(made[i]);
        outputs[i].push_back(std::move(made[i]));
      }
      TRY(context.check_kept(kept));
    }
    std::vector<Tensor> stacked;
    for (const std::vector<Tensor>& parts : outputs) stacked.push_back(TRY(stack(parts)));
    return stacked;
  }

 private:
  /// `own`: states, then what is scanned. `all`: the node's, among which the captures are.
  Result<std::vector<Tensor>> scan(std::span<const plan::View> own, std::span<const plan::View> all,
                                   plan::Context& context) {
    std::vector<std::size_t> axes;
    std::int64_t steps = -1;
    for (std::size_t i = 0; i < settings_.scanned; ++i) {
      const plan::View& view = own[settings_.states + i];
      axes.push_back(TRY(resolve_axis(settings_.input_axes[i], view.shape.size())));
      if (steps != -1 && view.shape[axes[i]] != steps)
        return malformed("what is scanned has ", steps, " and ", view.shape[axes[i]], " steps");
      steps = view.shape[axes[i]];
    }
    if (steps > kMostSteps) return malformed(steps, " steps, at most ", kMostSteps, " are wanted");
    std::vector<Tensor> state;
    for (std::size_t i = 0; i < settings_.states; ++i) state.push_back(TRY(copy_of(own[i])));
    std::vector<std::vector<Tensor>> made(settings_.made);
    std::uint64_t kept = 0;
    plan::Program& program = repeated_.program(context);
    for (std::int64_t step = 0; step < steps; ++step) {
      std::vector<Tensor> slices;
      for (std::size_t i = 0; i < settings_.scanned; ++i)
        slices.push_back(TRY(slice_of(own[settings_.states + i], axes[i],
                                      settings_.input_backwards[i] ? steps - 1 - step : step)));
      std::vector<plan::View> views;
      for (const Tensor& tensor : state) views.push_back(plan::View::of(tensor));
      for (const Tensor& tensor : slices) views.push_back(plan::View::of(tensor));
      for (const std::size_t place : repeated_.captured()) views.push_back(all[place]);
      std::vector<Tensor> outputs =
          TRY(program.run(views, std::vector<bool>(views.size(), false), context));
      for (std::size_t i = 0; i < state.size(); ++i) state[i] = std::move(outputs[i]);
      for (std::size_t i = 0; i < made.size(); ++i) {
        kept += kept_bytes(outputs[state.size() + i]);
        made[i].push_back(std::move(outputs[state.size() + i]));
      }
      TRY(context.check_kept(kept));
    }
    for (std::size_t i = 0; i < made.size(); ++i) {
      if (settings_.output_backwards[i]) std::ranges::reverse(made[i]);
      state.push_back(TRY(stacked_along(TRY(stack(made[i])), settings_.output_axes[i])));
    }
    return state;
  }

  RepeatedBody repeated_;
  Settings settings_;
  bool batched_;
};

/// As many numbers as there are values, 0 where the attribute is not there.
Result<std::vector<std::int64_t>> read_each(NodeReader& node, std::string_view name,
                                            std::size_t count) {
  std::vector<std::int64_t> numbers = TRY(node.ints(name));
  if (numbers.empty()) numbers.assign(count, 0);
  if (numbers.size() != count)
    return malformed(name, " has ", numbers.size(), " numbers, wanted are ", count);
  return numbers;
}

Result<std::vector<bool>> read_directions(NodeReader& node, std::string_view name,
                                          std::size_t count) {
  std::vector<bool> backwards;
  for (const std::int64_t number : TRY(read_each(node, name, count))) {
    if (number != 0 && number != 1) return malformed(name, " holds ", number, ", wanted is 0 or 1");
    backwards.push_back(number == 1);
  }
  return backwards;
}

}  // namespace

Result<KernelPointer> make_scan(NodeReader& node) {
  const bool batched = node.opset() < 9;
  BodyKernels body = TRY(make_body_kernels(node, "body"));
  const std::size_t first = batched ? 1 : 0, inputs = node.node().inputs.size();
  if (batched && node.has_input(0)) return malformed("lengths of sequences are not supported");
  for (std::size_t i = first; i < inputs; ++i) {
    if (!node.has_input(i)) return malformed("input ", i, " is left out");
  }
  const std::int64_t scanned = TRY(node.int_or("num_scan_inputs", 0));
  if (scanned < 1 || inputs < first + static_cast<std::size_t>(scanned))
    return malformed("num_scan_inputs is ", scanned, ", there are ", inputs, " inputs");
  Settings settings;
  settings.scanned = static_cast<std::size_t>(scanned);
  settings.states = inputs - first - settings.scanned;
  const std::size_t outputs = body.body->outputs.size();
  if (body.body->inputs.size() != inputs - first || outputs < settings.states ||
      outputs < node.node().outputs.size())
    return malformed("the body has ", body.body->inputs.size(), " inputs and ", outputs,
                     " outputs, which do not fit ", settings.states, " states and ", scanned,
                     " inputs that are scanned");
  settings.made = outputs - settings.states;
  settings.input_backwards = TRY(
      read_directions(node, batched ? "directions" : "scan_input_directions", settings.scanned));
  settings.input_axes.assign(settings.scanned, 0);
  settings.output_axes.assign(settings.made, 0);
  settings.output_backwards.assign(settings.made, false);
  if (!batched) {
    settings.input_axes = TRY(read_each(node, "scan_input_axes", settings.scanned));
    settings.output_axes = TRY(read_each(node, "scan_output_axes", settings.made));
    settings.output_backwards = TRY(read_directions(node, "scan_output_directions", settings.made));
  }
  return std::make_unique<Scan>(std::move(body), node, std::move(settings), batched);
}

}  // namespace torchkeep::runtime::kernels
