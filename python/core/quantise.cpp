#include "torchkeep/quantise/quantise.h"

#include <atomic>

#include "torchkeep/base/thread_pool.h"

#include "python/core/arrays.h"
#include "python/core/parts.h"
#include "python/core/patience.h"

namespace torchkeep::python {
namespace {

using Arrays = std::vector<std::vector<py::array>>;

quantise::Way way_of(const std::string& name) {
  if (name == "weights") return quantise::Way::Weights;
  if (name == "dynamic") return quantise::Way::Dynamic;
  if (name == "static") return quantise::Way::Static;
  raise(invalid_argument("way \"", name, "\": wanted is weights, dynamic or static"));
}

/// Copied while the GIL is held; the work has a thread of its own.
std::vector<std::vector<Elements>> copy_samples(const Arrays& arrays) {
  std::vector<std::vector<Elements>> samples;
  for (std::size_t i = 0; i < arrays.size(); ++i) {
    samples.emplace_back();
    for (const py::array& array : arrays[i])
      samples.back().push_back(
          value_or_raise(copy_elements(array).context(text("sample ", i + 1))));
  }
  return samples;
}

Result<std::vector<runtime::Tensor>> tensors_of(const std::vector<Elements>& sample) {
  std::vector<runtime::Tensor> tensors;
  for (const Elements& each : sample) {
    const runtime::DataType type = TRY(runtime::parse_data_type(each.datatype));
    tensors.emplace_back(type, each.shape, to_secret_buffer(each.data));
  }
  return tensors;
}

py::dict describe(const quantise::Report& report) {
  py::list left;
  py::dict differences;
  for (const quantise::Left& each : report.left)
    left.append(py::make_tuple(each.node, each.op, each.reason));
  for (const quantise::Difference& each : report.differences)
    differences[py::str(each.output)] = py::make_tuple(each.absolute, each.relative);
  py::dict out;
  out["bytes_before"] = report.bytes_before;
  out["bytes_after"] = report.bytes_after;
  out["quantised"] = report.quantised;
  out["left"] = left;
  out["differences"] = differences;
  out["opset"] = report.opset_after;
  return out;
}

py::dict quantise_model(const std::string& model, const std::string& output, const std::string& way,
                        int bits, std::size_t block, double percentile, bool portable, bool replace,
                        const Arrays& arrays, const std::function<void(double)>& progress) {
  const quantise::Order order{.model = model,
                              .output = output,
                              .way = way_of(way),
                              .bits = bits,
                              .block = block,
                              .percentile = percentile,
                              .portable = portable,
                              .replace = replace,
                              .threads = static_cast<int>(usable_cores())};
  const auto samples = copy_samples(arrays);
  std::atomic<bool> stopped = false;
  std::atomic<double> done = 0;
  const auto make = [&](const std::vector<runtime::Port>&) -> Result<quantise::Samples> {
    return quantise::Samples{samples.size(),
                             [&](std::size_t index) -> Result<std::vector<runtime::Tensor>> {
                               if (stopped) return unavailable("interrupted");
                               return tensors_of(samples[index]);
                             }};
  };
  const auto tick = [&] {
    if (progress) progress(done);
  };
  const quantise::Report report = on_a_thread(
      [&] { return quantise::quantise(order, make, [&](double part) { done = part; }); }, tick,
      [&] { stopped = true; });
  tick();
  return describe(report);
}

}  // namespace

void add_quantise(py::module_& module) {
  using py::arg;
  module.def("quantise", &quantise_model, arg("model"), arg("output"), arg("way"), arg("bits"),
             arg("block"), arg("percentile"), arg("portable"), arg("replace"), arg("samples"),
             arg("progress"));
}

}  // namespace torchkeep::python
