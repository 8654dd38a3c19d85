// Loop-1 to Loop-23: https://onnx.ai/onnx/operators/onnx__Loop.html
// The body is a program of its own, run once for each iteration.
#include <algorithm>
#include <deque>

#include "torchkeep/runtime/kernels/operators.h"
#include "torchkeep/runtime/kernels/repeated_body.h"
#include "torchkeep/runtime/kernels/stack.h"
#include "torchkeep/runtime/kernels/types.h"

namespace torchkeep::runtime::kernels {
namespace {

constexpr std::int64_t kMaxIterations = 1'000'000;

template <typename T>
Tensor scalar(DataType dtype, T value) {
  Tensor tensor(dtype, {}, SecretBuffer(sizeof(T)));
  tensor.elements<T>()[0] = value;
  return tensor;
}

Tensor copy_of(const plan::View& view) {
  Tensor tensor = Tensor::uninitialised(view.dtype, view.shape).value();
  std::copy_n(reinterpret_cast<const std::uint8_t*>(view.data), tensor.data.size(),
              tensor.data.begin());
  return tensor;
}

/// A single element of that type. Errors: Malformed for anything else.
template <typename T>
Result<T> read_scalar(const plan::View& view, std::string_view what) {
  if (view.dtype != type_of<T>() || TRY(element_count(view.shape)) != 1)
    return malformed(what, " is ", name_of(view.dtype), " ", describe(view.shape));
  return *reinterpret_cast<const T*>(view.data);
}

class Loop final : public Kernel {
 public:
  Loop(BodyKernels body, const NodeReader& node) : repeated_(std::move(body), node) {}
  bool takes_halves() const override { return true; }
  bool takes_sequences() const override { return true; }

  bool runs_alone() const override { return true; }
  Result<void> plan(plan::Builder&) override { return malformed("it is never planned"); }

  Result<std::vector<Tensor>> run(std::span<const plan::View> inputs,
                                  plan::Context& context) override {
    std::int64_t most = kMaxIterations + 1;
    if (inputs[0].data != nullptr)
      most = TRY(read_scalar<std::int64_t>(inputs[0], "the trip count"));
    bool goes_on = true;
    if (inputs.size() > 1 && repeated_.node_inputs() > 1 && inputs[1].data != nullptr)
      goes_on = is_true(TRY(read_scalar<Truth>(inputs[1], "the condition")));
    const std::size_t carried = repeated_.node_inputs() > 2 ? repeated_.node_inputs() - 2 : 0;
    std::vector<Tensor> state;
    for (std::size_t i = 0; i < carried; ++i) state.push_back(copy_of(inputs[i + 2]));
    std::vector<std::vector<Tensor>> scanned(repeated_.body().outputs.size() - 1 - carried);
    std::uint64_t kept = 0;
    plan::Program& program = repeated_.program(context);
    for (std::int64_t i = 0; i < most && goes_on; ++i) {
      if (i == kMaxIterations)
        return malformed("it goes on for more than ", kMaxIterations,
                         " iterations, which are the most");
      const Tensor index = scalar<std::int64_t>(DataType::Int64, i);
      const Tensor condition = scalar<Truth>(DataType::Bool, Truth{goes_on});
      std::vector<plan::View> views{plan::View::of(index), plan::View::of(condition)};
      for (const Tensor& tensor : state) views.push_back(plan::View::of(tensor));
      for (const std::size_t place : repeated_.captured()) views.push_back(inputs[place]);
      std::vector<Tensor> outputs =
          TRY(program.run(views, std::vector<bool>(views.size(), false), context));
      goes_on = is_true(TRY(read_scalar<Truth>(plan::View::of(outputs[0]), "the condition")));
      for (std::size_t k = 0; k < carried; ++k) state[k] = std::move(outputs[k + 1]);
      for (std::size_t k = 0; k < scanned.size(); ++k) {
        kept += kept_bytes(outputs[k + 1 + carried]);
        scanned[k].push_back(std::move(outputs[k + 1 + carried]));
      }
      TRY(context.check_kept(kept));
    }
    for (const std::vector<Tensor>& parts : scanned) state.push_back(TRY(stack(parts)));
    return state;
  }

 private:
  RepeatedBody repeated_;
};

}  // namespace

Result<KernelPointer> make_loop(NodeReader& node) {
  BodyKernels body = TRY(make_body_kernels(node, "body"));
  const std::size_t inputs = node.node().inputs.size();
  const std::size_t carried = inputs > 2 ? inputs - 2 : 0;
  for (std::size_t i = 2; i < inputs; ++i) {
    if (!node.has_input(i)) return malformed("input ", i, " is left out");
  }
  if (body.body->inputs.size() != carried + 2 || body.body->outputs.size() < carried + 1 ||
      body.body->outputs.size() - 1 < node.node().outputs.size()) {
    return malformed("the body has ", body.body->inputs.size(), " inputs and ",
                     body.body->outputs.size(), " outputs, which do not fit ", carried,
                     " values that are carried along");
  }
  return std::make_unique<Loop>(std::move(body), node);
}

}  // namespace torchkeep::runtime::kernels
