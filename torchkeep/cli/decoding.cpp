#include "torchkeep/cli/decoding.h"

#include <algorithm>
#include <chrono>

#include "torchkeep/runtime/memory_rate.h"

namespace torchkeep::cli {
namespace {

using runtime::Carried;
using runtime::Tensor;

Tensor copy_of(const Tensor& tensor) { return {tensor.dtype, tensor.shape, tensor.data}; }

/// One sequence under measurement.
class Stepper {
 public:
  Stepper(runtime::Model& model, std::span<const Tensor> inputs, std::vector<runtime::Link> links)
      : model_(model), inputs_(inputs), state_(model.inputs(), model.outputs(), std::move(links)) {}

  Result<double> step() {
    std::vector<Tensor> inputs;
    for (std::size_t i = 0; i < inputs_.size(); ++i) {
      const bool kept = !state_.empty() && state_.is_input(i);
      inputs.push_back(kept ? Tensor() : copy_of(inputs_[i]));
    }
    const auto start = std::chrono::steady_clock::now();
    TRY(model_.run(std::move(inputs), state_));
    return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start)
        .count();
  }
  Carried& state() { return state_; }

 private:
  runtime::Model& model_;
  std::span<const Tensor> inputs_;
  Carried state_;
};

double median(std::vector<double> times) {
  std::ranges::nth_element(times, times.begin() + std::ssize(times) / 2);
  return times[times.size() / 2];
}

}  // namespace

Result<Decoding> measure_decoding(runtime::Model& model, std::span<const Tensor> inputs,
                                  std::uint64_t runs, int threads) {
  const std::size_t kept = model.outputs().size() - 1;
  if (kept == 0 || kept > model.inputs().size()) {
    return invalid_argument("the model has no outputs behind the first that could be its caches");
  }
  std::vector<runtime::Link> links;
  for (std::size_t i = 0; i < kept; ++i) links.push_back({1 + i, model.inputs().size() - kept + i});
  TRY(runtime::check_links(model.inputs(), model.outputs(), links));
  Stepper sequence(model, inputs, std::move(links));
  Decoding measured;
  measured.memory_rate = TRY(runtime::measure_memory_rate(threads));
  TRY(sequence.step());
  sequence.state().accept();
  std::vector<double> known_times, new_times;
  for (std::uint64_t i = 0; i < runs; ++i) {
    new_times.push_back(TRY(sequence.step()));
    sequence.state().take_back();
    known_times.push_back(TRY(sequence.step()));
    sequence.state().accept();
  }
  measured.memory_rate = std::max(measured.memory_rate, TRY(runtime::measure_memory_rate(threads)));
  measured.known_ms = median(std::move(known_times));
  measured.new_ms = median(std::move(new_times));
  measured.read_bytes = model.last_cost().read_bytes;  // of the last length, the longest
  return measured;
}

}  // namespace torchkeep::cli
