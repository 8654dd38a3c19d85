// ConvTranspose-1 to ConvTranspose-22: https://onnx.ai/onnx/operators/onnx__ConvTranspose.html
// A matrix product makes what each element of the input adds to each place of its window; the
// windows are then laid over each other.
#include <algorithm>

#include "torchkeep/runtime/kernels/axis.h"
#include "torchkeep/runtime/kernels/epilogue.h"
#include "torchkeep/runtime/kernels/known.h"
#include "torchkeep/runtime/kernels/operators.h"
#include "torchkeep/runtime/kernels/strided.h"
#include "torchkeep/runtime/kernels/window.h"

namespace torchkeep::runtime::kernels {
namespace {

struct Placed {
  Shape kernel, strides, dilations, pads, input, output;  ///< Spatial; pads at the start.
};

/// Memory order: products [n, channels, window, input places], bias if any, output.
plan::Action overlay(const Placed& placed, std::size_t planes, std::size_t channels, bool bias) {
  return [=](std::span<std::byte* const> memory, Pool& pool) -> Result<void> {
    const std::size_t rank = placed.input.size();
    const std::size_t window = extent(placed.kernel, 0, rank),
                      places = extent(placed.input, 0, rank), size = extent(placed.output, 0, rank);
    const auto width = placed.input[rank - 1];
    const std::size_t rows = extent(placed.input, 0, rank - 1);
    pool.parallel_for(
        planes, rows_a_thread(window * places), [&](std::size_t begin, std::size_t end) {
          for (std::size_t plane = begin; plane < end; ++plane) {
            float* to = target<float>(memory, bias ? 2 : 1) + plane * size;
            std::fill_n(to, size, bias ? source<float>(memory, 1)[plane % channels] : 0.0F);
            for (std::size_t w = 0; w < window; ++w) {
              const float* from = source<float>(memory, 0) + (plane * window + w) * places;
              Shape offset(rank);  // of the window's element
              for (std::size_t d = rank, left = w; d-- > 0;) {
                const auto length = static_cast<std::size_t>(placed.kernel[d]);
                offset[d] =
                    static_cast<std::int64_t>(left % length) * placed.dilations[d] - placed.pads[d];
                left /= length;
              }
              const std::int64_t stride = placed.strides[rank - 1],
                                 length = placed.output[rank - 1];
              for (std::size_t row = 0; row < rows; ++row) {
                std::int64_t start = 0, step = length;
                bool inside = true;
                for (std::size_t d = rank - 1, left = row; d-- > 0;) {
                  const auto count = static_cast<std::size_t>(placed.input[d]);
                  const std::int64_t y =
                      static_cast<std::int64_t>(left % count) * placed.strides[d] + offset[d];
                  inside = inside && y >= 0 && y < placed.output[d];
                  start += y * step;
                  step *= placed.output[d];
                  left /= count;
                }
                if (!inside) continue;
                const float* line = from + static_cast<std::int64_t>(row) * width;
                for (std::int64_t x = 0; x < width; ++x) {
                  const std::int64_t at = x * stride + offset[rank - 1];
                  if (at >= 0 && at < length) to[start + at] += line[x];
                }
              }
            }
          }
        });
    return {};
  };
}

class ConvTranspose final : public Kernel {
 public:
  ConvTranspose(Window window, std::int64_t groups, Shape output_padding, Shape output_shape)
      : window_(std::move(window)),
        groups_(groups),
        output_padding_(std::move(output_padding)),
        output_shape_(std::move(output_shape)) {}

  Result<void> plan(plan::Builder& builder) override {
    for (std::size_t i = 0; i < builder.input_count(); ++i) {
      if (builder.has_input(i)) TRY(expect_float(builder, i));
    }
    const Shape &input = builder.input(0).shape, &weights = builder.input(1).shape;
    const std::size_t rank = input.size() - 2;
    if (input.size() < 3 || input.size() > 5 || weights.size() != input.size() ||
        input[1] != weights[0] || input[1] % groups_ != 0) {
      return malformed("weights of shape ", describe(weights), " in ", groups_,
                       " groups do not fit an input of shape ", describe(input));
    }
    const Placed placed = TRY(place(input, weights));
    const std::int64_t channels = weights[1] * groups_;
    if (builder.has_input(2) && builder.input(2).shape != Shape{channels})
      return malformed("a bias of shape ", describe(builder.input(2).shape), " does not fit ",
                       channels, " channels");
    Shape output{input[0], channels};
    output.insert(output.end(), placed.output.begin(), placed.output.end());
    TRY(check_shape(output));
    const auto window = static_cast<std::int64_t>(extent(placed.kernel, 0, rank)),
               places = static_cast<std::int64_t>(extent(placed.input, 0, rank));
    const std::int64_t each = input[1] / groups_, rows = weights[1] * window;
    const Shape products{input[0], groups_, rows, places};
    // Weights [groups, in, out * window], turned to [groups, out * window, in].
    const plan::BufferId turned = TRY(builder.scratch(TRY(byte_count(DataType::Float32, weights))));
    builder.step(
        {TRY(builder.read(1)), turned},
        strided_action(DataType::Float32, {{groups_, rows, each}, {each * rows, 1, rows}, 0}));
    const plan::BufferId from = TRY(builder.read(0));
    const plan::BufferId made = TRY(builder.scratch(TRY(byte_count(DataType::Float32, products))));
    dnn::MatMul product;
    product.input = {1, groups_, rows, each};
    product.weights = {input[0], groups_, each, places};
    product.output = products;
    dnn::Planned planned = TRY(dnn::make_matmul(builder.machine(), product, false));
    TRY(builder.step({turned, from, made}, std::move(planned.primitive)));
    std::vector<plan::BufferId> buffers{made};
    if (builder.has_input(2)) buffers.push_back(TRY(builder.read(2)));
    buffers.push_back(TRY(builder.write(0, DataType::Float32, output)));
    builder.step(std::move(buffers),
                 overlay(placed, static_cast<std::size_t>(input[0] * channels),
                         static_cast<std::size_t>(channels), builder.has_input(2)));
    return {};
  }

 private:
  Result<Shape> numbers(std::string_view name, const Shape& given, std::size_t rank,
                        std::int64_t otherwise) const {
    if (given.empty()) return Shape(rank, otherwise);
    if (given.size() != rank) return malformed(name, " has ", given.size(), " numbers");
    return given;
  }

  Result<Placed> place(const Shape& input, const Shape& weights) const {
    const std::size_t rank = input.size() - 2;
    Placed placed;
    placed.input = Shape(input.begin() + 2, input.end());
    placed.kernel = Shape(weights.begin() + 2, weights.end());
    if (!window_.kernel.empty() && window_.kernel != placed.kernel)
      return malformed("kernel_shape is ", describe(window_.kernel), ", the weights' is ",
                       describe(placed.kernel));
    placed.strides = TRY(numbers("strides", window_.strides, rank, 1));
    placed.dilations = TRY(numbers("dilations", window_.dilations, rank, 1));
    const Shape extra = TRY(numbers("output_padding", output_padding_, rank, 0));
    const Shape pads = TRY(numbers("pads", window_.pads, 2 * rank, 0));
    Shape wanted = output_shape_;
    const bool same = window_.padding == Window::Padding::SameUpper ||
                      window_.padding == Window::Padding::SameLower;
    if (wanted.empty() && same) {
      for (std::size_t i = 0; i < rank; ++i) wanted.push_back(placed.input[i] * placed.strides[i]);
    }
    if (!wanted.empty() && wanted.size() != rank)
      return malformed("output_shape has ", wanted.size(), " numbers");
    for (std::size_t i = 0; i < rank; ++i) {
      const std::int64_t all = placed.strides[i] * (placed.input[i] - 1) + extra[i] +
                               (placed.kernel[i] - 1) * placed.dilations[i] + 1;
      if (wanted.empty()) {
        placed.pads.push_back(pads[i]);
        placed.output.push_back(all - pads[i] - pads[rank + i]);
      } else {
        const std::int64_t total = std::max<std::int64_t>(0, all - wanted[i]), half = total / 2;
        placed.pads.push_back(window_.padding == Window::Padding::SameUpper ? half : total - half);
        placed.output.push_back(wanted[i]);
      }
      if (placed.input[i] < 1 || placed.output[i] < 1 || placed.kernel[i] < 1)
        return malformed("dimension ", i, " of the result has ", placed.output[i], " elements");
    }
    return placed;
  }

  Window window_;
  std::int64_t groups_;
  Shape output_padding_, output_shape_;
};

}  // namespace

Result<KernelPointer> make_conv_transpose(NodeReader& node) {
  Window window = TRY(read_window(node));
  const std::int64_t groups = TRY(node.int_or("group", 1));
  if (groups < 1 || groups > (1 << 20))
    return malformed("group is ", groups, ", wanted is 1 to ", 1 << 20);
  Shape padding = TRY(node.ints("output_padding")), output = TRY(node.ints("output_shape"));
  for (const Shape* numbers : {&padding, &output}) {
    for (const std::int64_t number : *numbers) {
      if (number < 0 || number > (1 << 20))
        return malformed("an output size or padding is ", number);
    }
  }
  return std::make_unique<ConvTranspose>(std::move(window), groups, std::move(padding),
                                         std::move(output));
}

}  // namespace torchkeep::runtime::kernels
