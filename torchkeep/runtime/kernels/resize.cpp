// Resize-10 to Resize-19: https://onnx.ai/onnx/operators/onnx__Resize.html
// Upsample-7, Upsample-9: https://onnx.ai/onnx/operators/onnx__Upsample.html
// One dimension after the other, since all interpolations are products of those of a dimension.
#include <algorithm>
#include <cmath>

#include "torchkeep/runtime/kernels/axis.h"
#include "torchkeep/runtime/kernels/epilogue.h"
#include "torchkeep/runtime/kernels/known.h"
#include "torchkeep/runtime/kernels/operators.h"
#include "torchkeep/runtime/kernels/resize_taps.h"
#include "torchkeep/runtime/kernels/types.h"

namespace torchkeep::runtime::kernels {
namespace {

struct Settings {
  ResizeRule rule;
  float extrapolation = 0;
  std::vector<std::int64_t> axes;
  std::string policy;                                      ///< keep_aspect_ratio_policy
  std::vector<float> scales;                               ///< An attribute in Upsample-7.
  std::size_t roi = 0, scales_input = 1, sizes_input = 0;  ///< Which input; 0: there is none.
};

/// Memory order: input, output.
plan::Action pass(Taps taps, std::size_t outer, std::size_t from_size, std::size_t inner,
                  float extrapolation) {
  return [=, taps = std::move(taps)](std::span<std::byte* const> memory,
                                     Pool& pool) -> Result<void> {
    const std::size_t size = taps.outside.size();
    pool.parallel_for(
        outer * size, rows_a_thread(inner * taps.taps), [&](std::size_t begin, std::size_t end) {
          for (std::size_t row = begin; row < end; ++row) {
            const std::size_t x = row % size;
            const float* plane = source<float>(memory, 0) + row / size * from_size * inner;
            float* to = target<float>(memory, 1) + row * inner;
            if (taps.outside[x]) {
              std::fill_n(to, inner, extrapolation);
              continue;
            }
            for (std::size_t t = 0; t < taps.taps; ++t) {
              const float* from = plane + taps.places[x * taps.taps + t] * inner;
              const float weight = taps.weights[x * taps.taps + t];
              if (taps.taps == 1) {
                std::copy_n(from, inner, to);
              } else if (t == 0) {
                for (std::size_t i = 0; i < inner; ++i) to[i] = weight * from[i];
              } else {
                for (std::size_t i = 0; i < inner; ++i) to[i] += weight * from[i];
              }
            }
          }
        });
    return {};
  };
}

class Resize final : public Kernel {
 public:
  explicit Resize(Settings settings) : settings_(std::move(settings)) {}

  bool needs_known(std::size_t input) const override { return input > 0; }

  Result<void> plan(plan::Builder& builder) override {
    TRY(expect_float(builder, 0));
    const std::vector<ResizedDimension> dimensions = TRY(read_dimensions(builder));
    Shape shape = builder.input(0).shape, output;
    std::vector<std::size_t> changed;
    for (std::size_t i = 0; i < dimensions.size(); ++i) {
      output.push_back(dimensions[i].output);
      const bool crops = settings_.rule.coordinates == Coordinates::CropAndResize &&
                         (dimensions[i].begin != 0 || dimensions[i].end != 1);
      if (dimensions[i].input != dimensions[i].output || dimensions[i].scale != 1 || crops)
        changed.push_back(i);
    }
    TRY(check_shape(output));
    if (changed.empty()) return builder.view(0, 0, std::move(output));
    if (std::ranges::find(shape, 0) != shape.end())
      return malformed("an input of shape ", describe(shape), " has nothing to resize");
    plan::BufferId from = TRY(builder.read(0));
    // What shrinks first leaves less to do.
    std::ranges::sort(changed, {}, [&](std::size_t i) { return dimensions[i].scale; });
    for (std::size_t k = 0; k < changed.size(); ++k) {
      const std::size_t i = changed[k];
      const auto before = static_cast<std::size_t>(shape[i]);
      shape[i] = output[i];
      const plan::BufferId to =
          k + 1 == changed.size() ? TRY(builder.write(0, DataType::Float32, output))
                                  : TRY(builder.scratch(TRY(byte_count(DataType::Float32, shape))));
      builder.step({from, to},
                   pass(taps_of(settings_.rule, dimensions[i]), extent(shape, 0, i), before,
                        extent(shape, i + 1, shape.size()), settings_.extrapolation));
      from = to;
    }
    return {};
  }

 private:
  static Result<std::vector<double>> known_floats(const plan::Builder& builder, std::size_t index) {
    const plan::Operand& input = builder.input(index);
    if (!input.constant) return malformed("input ", index, " is not known while planning");
    if (input.dtype != DataType::Float32) return malformed("input ", index, " is no FP32");
    const auto elements = input.constant->elements<float>();
    return std::vector<double>(elements.begin(), elements.end());
  }
  static bool has_elements(const plan::Builder& builder, std::size_t index) {
    return index != 0 && builder.has_input(index) && builder.input(index).shape != Shape{0};
  }

  Result<std::vector<ResizedDimension>> read_dimensions(const plan::Builder& builder) const {
    const Shape& input = builder.input(0).shape;
    std::vector<std::size_t> axes;
    for (const std::int64_t axis : settings_.axes)
      axes.push_back(TRY(resolve_axis(axis, input.size())));
    if (axes.empty()) {
      for (std::size_t i = 0; i < input.size(); ++i) axes.push_back(i);
    }
    std::vector<ResizedDimension> dimensions;
    for (const std::int64_t size : input)
      dimensions.push_back({size, size, 1, static_cast<double>(size)});
    if (has_elements(builder, settings_.sizes_input)) {
      TRY(apply_sizes(TRY(known_ints(builder, settings_.sizes_input)), axes, dimensions));
    } else {
      std::vector<double> scales(settings_.scales.begin(), settings_.scales.end());
      if (has_elements(builder, settings_.scales_input))
        scales = TRY(known_floats(builder, settings_.scales_input));
      TRY(apply_scales(scales, axes, dimensions));
    }
    if (settings_.rule.coordinates == Coordinates::CropAndResize) {
      if (!has_elements(builder, settings_.roi)) return malformed("there is no region of interest");
      const std::vector<double> roi = TRY(known_floats(builder, settings_.roi));
      if (roi.size() != 2 * axes.size()) return malformed("roi has ", roi.size(), " numbers");
      for (std::size_t i = 0; i < axes.size(); ++i) {
        dimensions[axes[i]].begin = roi[i];
        dimensions[axes[i]].end = roi[i + axes.size()];
      }
    }
    return dimensions;
  }

  static Result<void> apply_scales(const std::vector<double>& scales,
                                   const std::vector<std::size_t>& axes,
                                   std::vector<ResizedDimension>& dimensions) {
    if (scales.size() != axes.size())
      return malformed("there are ", scales.size(), " scales for ", axes.size(), " dimensions");
    for (std::size_t i = 0; i < axes.size(); ++i) {
      ResizedDimension& d = dimensions[axes[i]];
      const double length = std::floor(static_cast<double>(d.input) * scales[i]);
      if (!(scales[i] > 0 && length < 1e9))
        return malformed("a scale is ", scales[i], ", wanted is above 0, and a result below 1e9");
      d.scale = scales[i];
      d.length = static_cast<double>(d.input) * scales[i];
      d.output = static_cast<std::int64_t>(length);
    }
    return {};
  }

  Result<void> apply_sizes(const std::vector<std::int64_t>& sizes,
                           const std::vector<std::size_t>& axes,
                           std::vector<ResizedDimension>& dimensions) const {
    if (sizes.size() != axes.size())
      return malformed("there are ", sizes.size(), " sizes for ", axes.size(), " dimensions");
    std::vector<double> scales;
    for (std::size_t i = 0; i < axes.size(); ++i) {
      if (sizes[i] < 0 || sizes[i] > (std::int64_t{1} << 30))
        return malformed("a size is ", sizes[i], ", wanted is 0 to 2^30");
      ResizedDimension& d = dimensions[axes[i]];
      d.output = sizes[i];
      d.length = static_cast<double>(sizes[i]);
      d.scale = d.input == 0 ? 1 : static_cast<double>(sizes[i]) / static_cast<double>(d.input);
      scales.push_back(d.scale);
    }
    if (settings_.policy == "stretch" || scales.empty()) return {};
    const double scale = settings_.policy == "not_larger" ? *std::ranges::min_element(scales)
                                                          : *std::ranges::max_element(scales);
    for (const std::size_t axis : axes) {
      ResizedDimension& d = dimensions[axis];
      d.scale = scale;
      d.length = scale * static_cast<double>(d.input);
      d.output = static_cast<std::int64_t>(std::floor(d.length + 0.5));
    }
    return {};
  }

  Settings settings_;
};

}  // namespace

Result<KernelPointer> make_resize(NodeReader& node) {
  Settings settings;
  ResizeRule& rule = settings.rule;
  rule.interpolation = TRY(interpolation_of(TRY(node.text_or("mode", "nearest"))));
  if (node.opset() < 11) {  // Resize-10 has scales alone, and knows one rule
    rule.coordinates = Coordinates::Asymmetric;
    rule.rounding = Rounding::Floor;
    settings.policy = "stretch";
    return std::make_unique<Resize>(std::move(settings));
  }
  rule.coordinates =
      TRY(coordinates_of(TRY(node.text_or("coordinate_transformation_mode", "half_pixel"))));
  rule.rounding = TRY(rounding_of(TRY(node.text_or("nearest_mode", "round_prefer_floor"))));
  rule.cubic = TRY(node.float_or("cubic_coeff_a", -0.75F));
  rule.exclude_outside = TRY(node.int_or("exclude_outside", 0)) != 0;
  settings.extrapolation = TRY(node.float_or("extrapolation_value", 0));
  settings.axes = TRY(node.ints("axes"));
  settings.policy = TRY(node.text_or("keep_aspect_ratio_policy", "stretch"));
  if (settings.policy != "stretch" && settings.policy != "not_larger" &&
      settings.policy != "not_smaller")
    return malformed("keep_aspect_ratio_policy is \"", settings.policy, "\"");
  rule.antialias = TRY(node.int_or("antialias", 0)) != 0;
  if (rule.antialias && rule.coordinates == Coordinates::CropAndResize)
    return malformed("antialias of a region of interest is not supported");
  settings.roi = 1;
  settings.scales_input = 2;
  settings.sizes_input = 3;
  return std::make_unique<Resize>(std::move(settings));
}

Result<KernelPointer> make_upsample(NodeReader& node) {
  Settings settings;
  settings.rule.interpolation = TRY(interpolation_of(TRY(node.text_or("mode", "nearest"))));
  settings.rule.coordinates = Coordinates::Asymmetric;
  settings.rule.rounding = Rounding::Floor;
  settings.policy = "stretch";
  settings.scales = TRY(node.floats("scales"));
  return std::make_unique<Resize>(std::move(settings));
}

}  // namespace torchkeep::runtime::kernels
