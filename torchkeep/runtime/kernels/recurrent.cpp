#include "torchkeep/runtime/kernels/recurrent.h"

#include <algorithm>

#include "torchkeep/runtime/kernels/batch_first.h"
#include "torchkeep/runtime/kernels/epilogue.h"
#include "torchkeep/runtime/kernels/recurrent_walk.h"
#include "torchkeep/runtime/kernels/recurrent_weights.h"

namespace torchkeep::runtime::kernels {
namespace {

std::int64_t number(std::size_t size) { return static_cast<std::int64_t>(size); }

Result<void> expect_shape(const Shape& shape, std::size_t input,
                          std::initializer_list<std::size_t> sizes) {
  Shape wanted;
  for (const std::size_t size : sizes) wanted.push_back(number(size));
  if (shape == wanted) return {};
  return malformed("input ", input, " has shape ", describe(shape), ", wanted is ",
                   describe(wanted));
}

class Recurrent final : public Kernel {
 public:
  Recurrent(RecurrentSettings settings, RecurrentKind kind, RecurrentWeights weights)
      : settings_(std::move(settings)), kind_(std::move(kind)), weights_(std::move(weights)) {}

  bool packs(std::size_t input) const override { return weights_.packs(input); }
  std::uint64_t packed_bytes() const override { return weights_.bytes(); }

  Result<void> plan(plan::Builder& builder) override {
    const RecurrentSizes sizes = TRY(read_sizes(builder));
    const std::size_t width = kind_.gates() * sizes.hidden;
    // The input's part of all steps of a direction is one product.
    TRY(element_count(
        {number(sizes.directions), number(sizes.steps * sizes.batch), number(width)}));
    const std::vector<plan::BufferId> biases = TRY(sum_biases(builder, sizes));
    const plan::BufferId x =
        settings_.batch_first ? TRY(read_turned(builder, 0)) : TRY(builder.read(0));
    std::vector<plan::BufferId> buffers = TRY(weights_.multiply_input(builder, sizes, x, biases));
    const auto add = [&](plan::BufferId buffer) {
      buffers.push_back(buffer);
      return buffers.size() - 1;
    };
    const auto add_input = [&](std::size_t input) -> Result<std::size_t> {
      if (!builder.has_input(input)) return std::size_t{0};
      return add(TRY(builder.read(input)));
    };
    const auto add_state = [&](std::size_t input) -> Result<std::size_t> {
      if (!builder.has_input(input) || !settings_.batch_first) return add_input(input);
      return add(TRY(read_turned(builder, input)));
    };
    RecurrentPlaces places;
    const RecurrentProduct product(sizes.hidden, kind_.parts);
    places.panels = add(TRY(weights_.panels(builder, product)));
    if (kind_.apart > 0) places.bias = TRY(add_input(3));
    places.lengths = TRY(add_input(4));
    places.first_h = TRY(add_state(5));
    if (kind_.has_cell) {
      places.first_c = TRY(add_state(6));
      places.peepholes = TRY(add_input(7));
    }
    const std::int64_t d = number(sizes.directions), b = number(sizes.batch),
                       h = number(sizes.hidden);
    const std::vector<Shape> outputs{{number(sizes.steps), d, b, h}, {d, b, h}, {d, b, h}};
    std::vector<plan::BufferId> made;
    for (std::size_t i = 0; i < (kind_.has_cell ? 3U : 2U); ++i) {
      made.push_back(settings_.batch_first ? TRY(floats(builder, outputs[i]))
                                           : TRY(builder.write(i, DataType::Float32, outputs[i])));
    }
    places.all = add(made[0]);
    places.last_h = add(made[1]);
    if (kind_.has_cell) places.last_c = add(made[2]);
    places.gates = add(TRY(floats(builder, {d, b, number(width)})));
    places.scratch = add(TRY(floats(builder, {d, b, 2 * h})));
    const double flops = 2.0 * static_cast<double>(sizes.steps * sizes.batch * sizes.hidden) *
                         static_cast<double>(sizes.directions * width);
    builder.step(
        std::move(buffers),
        [walk = std::make_shared<const RecurrentWalk>(sizes, kind_, settings_.backwards, places)](
            std::span<std::byte* const> memory, Pool& pool) { return walk->run(memory, pool); },
        flops);
    for (std::size_t i = 0; settings_.batch_first && i < made.size(); ++i) {
      if (!builder.has_output(i)) continue;
      const std::vector<std::size_t> order =
          i == 0 ? std::vector<std::size_t>{2, 0, 1, 3} : std::vector<std::size_t>{1, 0, 2};
      TRY(write_ordered(builder, i, made[i], outputs[i], order));
    }
    return {};
  }

 private:
  static Result<plan::BufferId> floats(plan::Builder& builder, const Shape& shape) {
    return builder.scratch(TRY(byte_count(DataType::Float32, shape)));
  }

  /// Inputs X, W, R, B, sequence_lens, initial_h, initial_c and P.
  Result<RecurrentSizes> read_sizes(const plan::Builder& builder) const {
    for (const std::size_t i : {0, 1, 2, 3, 5, 6, 7}) {
      if (builder.has_input(i) && !weights_.packs(i)) TRY(expect_float(builder, i));
    }
    const Shape& x = builder.input(0).shape;
    if (x.size() != 3)
      return malformed("an input of shape ", describe(x), " is no batch of sequences");
    RecurrentSizes sizes{static_cast<std::size_t>(x[0]), static_cast<std::size_t>(x[1]),
                         static_cast<std::size_t>(x[2]), settings_.hidden,
                         settings_.backwards.size()};
    if (settings_.batch_first) std::swap(sizes.steps, sizes.batch);
    if (sizes.steps == 0 || sizes.batch == 0 || sizes.input == 0)
      return malformed("an input of shape ", describe(x), " has no elements");
    const std::size_t width = kind_.gates() * sizes.hidden;
    TRY(expect_shape(TRY(weights_.input_shape(builder)), 1,
                     {sizes.directions, width, sizes.input}));
    const auto expect = [&](std::size_t input,
                            std::initializer_list<std::size_t> wanted) -> Result<void> {
      if (!builder.has_input(input) || weights_.packs(input)) return {};
      return expect_shape(builder.input(input).shape, input, wanted);
    };
    TRY(expect(2, {sizes.directions, width, sizes.hidden}));
    TRY(expect(3, {sizes.directions, 2 * width}));
    TRY(expect(4, {sizes.batch}));
    if (builder.has_input(4) && builder.input(4).dtype != DataType::Int32)
      return malformed("lengths are ", name_of(builder.input(4).dtype), ", wanted is INT32");
    for (const std::size_t i : {5, 6}) {
      if (settings_.batch_first)
        TRY(expect(i, {sizes.batch, sizes.directions, sizes.hidden}));
      else
        TRY(expect(i, {sizes.directions, sizes.batch, sizes.hidden}));
    }
    TRY(expect(7, {sizes.directions, 3 * sizes.hidden}));
    return sizes;
  }

  /// For each direction, what is added to the input's product: W's bias, and R's but for the gates
  /// that are kept apart.
  Result<std::vector<plan::BufferId>> sum_biases(plan::Builder& builder,
                                                 const RecurrentSizes& sizes) const {
    std::vector<plan::BufferId> biases;
    if (!builder.has_input(3)) return biases;
    const plan::BufferId from = TRY(builder.read(3));
    const std::size_t width = kind_.gates() * sizes.hidden,
                      both = width - kind_.apart * sizes.hidden;
    for (std::size_t d = 0; d < sizes.directions; ++d) {
      biases.push_back(TRY(floats(builder, {number(width)})));
      builder.step({from, biases.back()},
                   [=](std::span<std::byte* const> memory, Pool&) -> Result<void> {
                     const float* of_input = source<float>(memory, 0) + d * 2 * width;
                     const float* of_state = of_input + width;
                     float* to = target<float>(memory, 1);
                     for (std::size_t k = 0; k < both; ++k) to[k] = of_input[k] + of_state[k];
                     std::copy(of_input + both, of_input + width, to + both);
                     return {};
                   });
    }
    return biases;
  }

  RecurrentSettings settings_;
  RecurrentKind kind_;
  RecurrentWeights weights_;
};

}  // namespace

Result<RecurrentSettings> read_recurrent(NodeReader& node) {
  RecurrentSettings settings;
  const std::string_view direction = TRY(node.text_or("direction", "forward"));
  if (direction == "forward") settings.backwards = {false};
  if (direction == "reverse") settings.backwards = {true};
  if (direction == "bidirectional") settings.backwards = {false, true};
  if (settings.backwards.empty()) return malformed("direction is \"", direction, "\"");
  const std::int64_t hidden = TRY(node.int_or("hidden_size", 0));
  if (hidden < 1 || hidden > (1 << 20))
    return malformed("hidden_size is ", hidden, ", wanted is 1 to ", 1 << 20);
  settings.hidden = static_cast<std::size_t>(hidden);
  if (node.opset() < 7) node.ignore("output_sequence");  // outputs that are named are made
  const std::int64_t layout = TRY(node.int_or("layout", 0));
  if (layout != 0 && layout != 1) return malformed("layout is ", layout, ", wanted is 0 or 1");
  settings.batch_first = layout == 1;
  return settings;
}

Result<std::size_t> read_activations(NodeReader& node, const RecurrentSettings& settings,
                                     const std::vector<std::vector<std::string_view>>& choices) {
  const std::vector<std::string_view> named = TRY(node.texts("activations"));
  if (named.empty()) return std::size_t{0};
  for (std::size_t i = 0; i < choices.size(); ++i) {
    std::vector<std::string_view> wanted;
    for (std::size_t d = 0; d < settings.backwards.size(); ++d)
      wanted.insert(wanted.end(), choices[i].begin(), choices[i].end());
    if (named == wanted) return i;
  }
  std::string list;
  for (const std::string_view name : named) list += text(list.empty() ? "" : ", ", name);
  return malformed("activations are ", list, ", which is not supported");
}

Result<KernelPointer> make_recurrent(NodeReader& node, RecurrentSettings settings,
                                     RecurrentKind kind) {
  RecurrentWeights weights(settings.backwards.size(), settings.hidden, kind.gates(),
                           node.constant(1), node.constant(2));
  return std::make_unique<Recurrent>(std::move(settings), std::move(kind), std::move(weights));
}

}  // namespace torchkeep::runtime::kernels
