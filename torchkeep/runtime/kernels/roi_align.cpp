// RoiAlign-10, RoiAlign-16: https://onnx.ai/onnx/operators/onnx__RoiAlign.html
// Before version 16 there was no half pixel.
#include <algorithm>
#include <cmath>

#include "torchkeep/runtime/kernels/axis.h"
#include "torchkeep/runtime/kernels/epilogue.h"
#include "torchkeep/runtime/kernels/known.h"
#include "torchkeep/runtime/kernels/operators.h"
#include "torchkeep/runtime/kernels/types.h"

namespace torchkeep::runtime::kernels {
namespace {

constexpr float kFar = 1e5F, kMostSamples = 65536;

struct Settings {
  bool largest = false;  ///< Of the samples, instead of their mean.
  bool half_pixel = true;
  std::int64_t height = 1, width = 1, samples = 0;
  float scale = 1;
};

/// One sample: four neighbours and their weights; all 0 outside of the image.
struct Sample {
  std::size_t places[4] = {};
  float weights[4] = {};
};

Sample sample_at(float y, float x, std::size_t height, std::size_t width) {
  Sample sample;
  if (!(y >= -1 && y <= static_cast<float>(height) && x >= -1 && x <= static_cast<float>(width)))
    return sample;
  y = std::clamp(y, 0.0F, static_cast<float>(height - 1));
  x = std::clamp(x, 0.0F, static_cast<float>(width - 1));
  const auto top = static_cast<std::size_t>(y), left = static_cast<std::size_t>(x);
  const std::size_t bottom = std::min(top + 1, height - 1), right = std::min(left + 1, width - 1);
  const float low = y - static_cast<float>(top), far = x - static_cast<float>(left);
  const std::size_t places[] = {top * width + left, top * width + right, bottom * width + left,
                                bottom * width + right};
  const float weights[] = {(1 - low) * (1 - far), (1 - low) * far, low * (1 - far), low * far};
  std::ranges::copy(places, sample.places);
  std::ranges::copy(weights, sample.weights);
  return sample;
}

/// The largest of a sample's parts, or their sum.
float value_of(const Sample& sample, const float* plane, bool largest) {
  float value = sample.weights[0] * plane[sample.places[0]];
  for (std::size_t i = 1; i < 4; ++i) {
    const float part = sample.weights[i] * plane[sample.places[i]];
    value = largest ? std::max(value, part) : value + part;
  }
  return value;
}

class RoiAlign final : public Kernel {
 public:
  explicit RoiAlign(Settings settings) : settings_(settings) {}

  Result<void> plan(plan::Builder& builder) override {
    TRY(expect_float(builder, 0));
    TRY(expect_float(builder, 1));
    const Shape &image = builder.input(0).shape, &regions = builder.input(1).shape;
    const plan::Operand& which = builder.input(2);
    if (image.size() != 4 || regions.size() != 2 || regions[1] != 4 ||
        which.shape != Shape{regions[0]} || which.dtype != DataType::Int64) {
      return malformed("images ", describe(image), ", regions ", describe(regions), " and images ",
                       describe(which.shape), " of regions do not fit");
    }
    if (image[2] == 0 || image[3] == 0) return malformed("the images have no elements");
    const Shape output{regions[0], image[1], settings_.height, settings_.width};
    TRY(check_shape(output));
    std::vector<plan::BufferId> buffers;
    for (std::size_t i = 0; i < 3; ++i) buffers.push_back(TRY(builder.read(i)));
    plan::Action action = action_of(image, static_cast<std::size_t>(regions[0]));
    buffers.push_back(TRY(builder.write(0, DataType::Float32, output)));
    builder.step(std::move(buffers), std::move(action));
    return {};
  }

 private:
  plan::Action action_of(const Shape& image, std::size_t regions) const {
    const std::size_t images = extent(image, 0, 1), channels = extent(image, 1, 2),
                      height = extent(image, 2, 3), width = extent(image, 3, 4);
    return
        [=, settings = settings_](std::span<std::byte* const> memory, Pool& pool) -> Result<void> {
          for (std::size_t r = 0; r < regions; ++r) {
            const std::int64_t which = source<std::int64_t>(memory, 2)[r];
            if (which < 0 || which >= static_cast<std::int64_t>(images))
              return malformed("region ", r, " is of image ", which, " of ", images);
            // A region that is absurd, or no number, would be sampled for ever.
            const float* region = source<float>(memory, 1) + r * 4;
            for (std::size_t i = 0; i < 4; ++i) {
              if (!(std::abs(region[i] * settings.scale) < kFar))
                return malformed("region ", r, " is out of all bounds");
            }
            const float area =
                (region[2] - region[0]) * (region[3] - region[1]) * settings.scale * settings.scale;
            if (settings.samples == 0 &&
                area > kMostSamples * static_cast<float>(settings.height * settings.width))
              return malformed("region ", r, " needs more than ", kMostSamples, " samples a cell");
          }
          pool.parallel_for(regions, 1, [&](std::size_t begin, std::size_t end) {
            for (std::size_t r = begin; r < end; ++r) {
              const auto which = static_cast<std::size_t>(source<std::int64_t>(memory, 2)[r]);
              align(settings, source<float>(memory, 0) + which * channels * height * width,
                    source<float>(memory, 1) + r * 4, channels, height, width,
                    target<float>(memory, 3) +
                        static_cast<std::size_t>(settings.height * settings.width) * channels * r);
            }
          });
          return {};
        };
  }

  static void align(const Settings& settings, const float* image, const float* region,
                    std::size_t channels, std::size_t height, std::size_t width, float* to) {
    const float shift = settings.half_pixel ? 0.5F : 0;
    const float left = region[0] * settings.scale - shift, top = region[1] * settings.scale - shift;
    float wide = region[2] * settings.scale - shift - left,
          high = region[3] * settings.scale - shift - top;
    if (!settings.half_pixel) {  // malformed regions are made a pixel
      wide = std::max(wide, 1.0F);
      high = std::max(high, 1.0F);
    }
    const float cell_high = high / static_cast<float>(settings.height),
                cell_wide = wide / static_cast<float>(settings.width);
    const auto count = [&](float cell) {
      if (settings.samples > 0) return settings.samples;
      return std::max<std::int64_t>(static_cast<std::int64_t>(std::ceil(cell)), 0);
    };
    const std::int64_t rows = count(cell_high), columns = count(cell_wide);
    const std::int64_t all = std::max<std::int64_t>(rows * columns, 1);
    const std::int64_t cells = settings.height * settings.width;
    std::fill_n(to, static_cast<std::int64_t>(channels) * cells, 0.0F);
    for (std::int64_t cell = 0; cell < cells; ++cell) {
      const auto y = static_cast<float>(cell / settings.width),
                 x = static_cast<float>(cell % settings.width);
      for (std::int64_t s = 0; s < rows * columns; ++s) {
        const float inner_y = (static_cast<float>(s / columns) + 0.5F) / static_cast<float>(rows),
                    inner_x =
                        (static_cast<float>(s % columns) + 0.5F) / static_cast<float>(columns);
        const Sample sample = sample_at(top + (y + inner_y) * cell_high,
                                        left + (x + inner_x) * cell_wide, height, width);
        for (std::size_t c = 0; c < channels; ++c) {
          const float value = value_of(sample, image + c * height * width, settings.largest);
          float& out = to[static_cast<std::int64_t>(c) * cells + cell];
          if (!settings.largest)
            out += value / static_cast<float>(all);
          else
            out = s == 0 ? value : std::max(out, value);
        }
      }
    }
  }

  Settings settings_;
};

}  // namespace

Result<KernelPointer> make_roi_align(NodeReader& node) {
  Settings settings;
  const std::string_view mode = TRY(node.text_or("mode", "avg"));
  if (mode != "avg" && mode != "max") return malformed("mode is \"", mode, "\"");
  settings.largest = mode == "max";
  const std::string_view form = TRY(node.text_or(
      "coordinate_transformation_mode", node.opset() < 16 ? "output_half_pixel" : "half_pixel"));
  if (form != "half_pixel" && form != "output_half_pixel")
    return malformed("coordinate_transformation_mode is \"", form, "\"");
  settings.half_pixel = form == "half_pixel";
  settings.height = TRY(node.int_or("output_height", 1));
  settings.width = TRY(node.int_or("output_width", 1));
  settings.samples = TRY(node.int_or("sampling_ratio", 0));
  settings.scale = TRY(node.float_or("spatial_scale", 1));
  if (settings.height < 1 || settings.height > 4096 || settings.width < 1 ||
      settings.width > 4096 || settings.samples < 0 || settings.samples > 1024 ||
      !(std::abs(settings.scale) < 1e3F))
    return malformed("output_height, output_width, sampling_ratio or spatial_scale is absurd");
  return std::make_unique<RoiAlign>(settings);
}

}  // namespace torchkeep::runtime::kernels
