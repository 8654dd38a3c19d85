#include "torchkeep/runtime/kernels/recurrent.h"

#include <algorithm>
#include <array>

#include "torchkeep/runtime/kernels/batch_first.h"
#include "torchkeep/runtime/kernels/epilogue.h"
#include "torchkeep/runtime/kernels/row_product.h"
#include "torchkeep/runtime/kernels/types.h"

namespace torchkeep::runtime::kernels {
namespace {

/// Where everything is among a step's memory.
struct Places {
  std::size_t products, recurrent, bias = 0, lengths = 0, first_h = 0, first_c = 0, peepholes = 0;
  std::size_t all, last_h, last_c = 0, step_products, scratch, limited, matmul_scratch = 0;
};

class Product final : public RecurrentProduct {
 public:
  Product(const RecurrentSizes& sizes, const std::vector<std::size_t>& parts,
          std::vector<std::shared_ptr<dnn::Primitive>> primitives)
      : sizes_(sizes), parts_(parts), primitives_(std::move(primitives)) {}

  void set(const float* weights, std::byte* scratch) {
    weights_ = weights;
    scratch_ = scratch;
  }
  Result<void> multiply(std::size_t part, const float* from, float* to) override {
    std::size_t before = 0;
    for (std::size_t i = 0; i < part; ++i) before += parts_[i];
    const float* weights = weights_ + before * sizes_.hidden * sizes_.hidden;
    if (sizes_.batch == 1) {  // weights as they lie; a primitive would turn them in each step
      multiply_row_turned(sizes_.hidden, parts_[part] * sizes_.hidden, from, weights, to);
      return {};
    }
    // A primitive only reads its inputs.
    std::array<std::byte*, 4> memory{reinterpret_cast<std::byte*>(const_cast<float*>(from)),
                                     reinterpret_cast<std::byte*>(const_cast<float*>(weights)),
                                     reinterpret_cast<std::byte*>(to), scratch_};
    const bool wants_scratch = primitives_[part]->scratch_bytes() > 0;
    return primitives_[part]->run(std::span(memory).first(wants_scratch ? 4 : 3));
  }

 private:
  RecurrentSizes sizes_;
  std::vector<std::size_t> parts_;
  std::vector<std::shared_ptr<dnn::Primitive>> primitives_;
  const float* weights_ = nullptr;
  std::byte* scratch_ = nullptr;
};

Result<void> walk(const RecurrentSizes& sizes, const std::vector<bool>& backwards,
                  const Places& places, std::size_t gates, const Cell& cell, Product& product,
                  std::span<std::byte* const> memory) {
  const std::size_t width = gates * sizes.hidden, state = sizes.batch * sizes.hidden;
  const auto at = [&](std::size_t place) { return target<float>(memory, place); };
  std::vector<std::size_t> lengths(sizes.batch, sizes.steps);
  for (std::size_t b = 0; places.lengths != 0 && b < sizes.batch; ++b) {
    const std::int32_t length = source<std::int32_t>(memory, places.lengths)[b];
    if (length < 0 || static_cast<std::size_t>(length) > sizes.steps)
      return malformed("a sequence's length is ", length, " of ", sizes.steps);
    lengths[b] = static_cast<std::size_t>(length);
  }
  std::fill_n(at(places.all), sizes.steps * sizes.directions * state, 0.0F);
  for (std::size_t d = 0; d < sizes.directions; ++d) {
    float* hidden = at(places.last_h) + d * state;
    float* cells = places.last_c == 0 ? nullptr : at(places.last_c) + d * state;
    const auto begin_with = [&](float* to, std::size_t place) {
      if (to == nullptr) return;
      if (place == 0)
        std::fill_n(to, state, 0.0F);
      else
        std::copy_n(at(place) + d * state, state, to);
    };
    begin_with(hidden, places.first_h);
    begin_with(cells, places.first_c);
    product.set(at(places.recurrent) + d * width * sizes.hidden,
                places.matmul_scratch == 0 ? nullptr : memory[places.matmul_scratch]);
    const float* bias = places.bias == 0 ? nullptr : at(places.bias) + d * 2 * width;
    std::vector<bool> active(sizes.batch);
    for (std::size_t s = 0; s < sizes.steps; ++s) {
      for (std::size_t b = 0; b < sizes.batch; ++b) {
        active[b] = s < lengths[b];
        const std::size_t t = !active[b] ? s : backwards[d] ? lengths[b] - 1 - s : s;
        std::copy_n(at(places.products) + ((d * sizes.steps + t) * sizes.batch + b) * width, width,
                    at(places.step_products) + b * width);
      }
      TRY(cell(
          sizes,
          {at(places.step_products), bias, bias == nullptr ? nullptr : bias + width, hidden, cells,
           places.peepholes == 0 ? nullptr : at(places.peepholes) + d * 3 * sizes.hidden,
           at(places.scratch), at(places.limited), active},
          product));
      for (std::size_t b = 0; b < sizes.batch; ++b) {
        if (!active[b]) continue;
        const std::size_t t = backwards[d] ? lengths[b] - 1 - s : s;
        std::copy_n(hidden + b * sizes.hidden, sizes.hidden,
                    at(places.all) + ((t * sizes.directions + d) * sizes.batch + b) * sizes.hidden);
      }
    }
  }
  return {};
}

Result<void> expect_shape(const plan::Builder& builder, std::size_t input,
                          std::initializer_list<std::size_t> sizes) {
  if (!builder.has_input(input)) return {};
  Shape wanted;
  for (const std::size_t size : sizes) wanted.push_back(static_cast<std::int64_t>(size));
  if (builder.input(input).shape == wanted) return {};
  return malformed("input ", input, " has shape ", describe(builder.input(input).shape),
                   ", wanted is ", describe(wanted));
}

}  // namespace

Result<RecurrentSettings> read_recurrent(NodeReader& node) {
  RecurrentSettings settings;
  const std::string_view direction = TRY(node.text_or("direction", "forward"));
  if (direction == "forward") settings.backwards = {false};
  if (direction == "reverse") settings.backwards = {true};
  if (direction == "bidirectional") settings.backwards = {false, true};
  if (settings.backwards.empty()) return malformed("direction is \"", direction, "\"");
  const std::int64_t hidden = TRY(node.int_or("hidden_size", 0));
  if (hidden < 1 || hidden > (1 << 20)) return malformed("hidden_size is ", hidden);
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

Result<RecurrentSizes> recurrent_sizes(const plan::Builder& builder,
                                       const RecurrentSettings& settings, std::size_t gates) {
  for (const std::size_t i : {0, 1, 2, 3, 5, 6, 7}) {
    if (builder.has_input(i)) TRY(expect_float(builder, i));
  }
  const Shape& x = builder.input(0).shape;
  if (x.size() != 3)
    return malformed("an input of shape ", describe(x), " is no batch of sequences");
  RecurrentSizes sizes{static_cast<std::size_t>(x[0]), static_cast<std::size_t>(x[1]),
                       static_cast<std::size_t>(x[2]), settings.hidden, settings.backwards.size()};
  if (settings.batch_first) std::swap(sizes.steps, sizes.batch);
  if (sizes.steps == 0 || sizes.batch == 0 || sizes.input == 0)
    return malformed("an input of shape ", describe(x), " has no elements");
  const std::size_t width = gates * sizes.hidden;
  TRY(expect_shape(builder, 1, {sizes.directions, width, sizes.input}));
  TRY(expect_shape(builder, 2, {sizes.directions, width, sizes.hidden}));
  TRY(expect_shape(builder, 3, {sizes.directions, 2 * width}));
  TRY(expect_shape(builder, 4, {sizes.batch}));
  if (builder.has_input(4) && builder.input(4).dtype != DataType::Int32)
    return malformed("lengths are ", name_of(builder.input(4).dtype), ", wanted is INT32");
  for (const std::size_t i : {5, 6}) {
    if (settings.batch_first)
      TRY(expect_shape(builder, i, {sizes.batch, sizes.directions, sizes.hidden}));
    else
      TRY(expect_shape(builder, i, {sizes.directions, sizes.batch, sizes.hidden}));
  }
  TRY(expect_shape(builder, 7, {sizes.directions, 3 * sizes.hidden}));
  return sizes;
}

Result<void> plan_recurrent(plan::Builder& builder, const RecurrentSettings& settings,
                            const std::vector<std::size_t>& parts, bool has_cell, Cell cell) {
  std::size_t gates = 0;
  for (const std::size_t part : parts) gates += part;
  const RecurrentSizes sizes = TRY(recurrent_sizes(builder, settings, gates));
  const auto number = [](std::size_t size) { return static_cast<std::int64_t>(size); };
  const std::int64_t width = number(gates * sizes.hidden), rows = number(sizes.steps * sizes.batch);
  const auto floats = [&](std::int64_t count) {
    return builder.scratch(static_cast<std::uint64_t>(count) * sizeof(float));
  };
  // The input's part of all steps of a direction is one product.
  TRY(element_count({number(sizes.directions), rows, width}));
  const plan::BufferId products = TRY(floats(number(sizes.directions) * rows * width));
  const plan::BufferId x = settings.batch_first ? TRY(read_turned(builder, 0))
                                                : TRY(builder.read(0)),
                       w = TRY(builder.read(1));
  const Shape batches{number(sizes.directions), number(sizes.input), width};
  const plan::BufferId turned = TRY(floats(number(sizes.directions * sizes.input) * width));
  builder.step({w, turned},
               [sizes, gates](std::span<std::byte* const> memory, Pool&) -> Result<void> {
                 const std::size_t columns = gates * sizes.hidden;
                 for (std::size_t d = 0; d < sizes.directions; ++d) {
                   for (std::size_t i = 0; i < sizes.input; ++i) {
                     for (std::size_t k = 0; k < columns; ++k)
                       target<float>(memory, 1)[(d * sizes.input + i) * columns + k] =
                           source<float>(memory, 0)[(d * columns + k) * sizes.input + i];
                   }
                 }
                 return {};
               });
  dnn::MatMul of_input;
  of_input.input = {1, rows, number(sizes.input)};
  of_input.weights = batches;
  of_input.output = {number(sizes.directions), rows, width};
  dnn::Planned planned = TRY(dnn::make_matmul(builder.machine(), of_input, false));
  TRY(builder.step({x, turned, products}, std::move(planned.primitive)));

  std::vector<std::shared_ptr<dnn::Primitive>> primitives;
  std::uint64_t scratch = 0;
  for (const std::size_t part : parts) {
    dnn::MatMul of_state;
    of_state.input = {number(sizes.batch), number(sizes.hidden)};
    of_state.weights = {number(sizes.hidden), number(part * sizes.hidden)};
    of_state.output = {number(sizes.batch), number(part * sizes.hidden)};
    of_state.transposed_weights = true;
    dnn::Planned made = TRY(dnn::make_matmul(builder.machine(), of_state, false));
    scratch = std::max(scratch, made.primitive.scratch_bytes());
    primitives.push_back(std::make_shared<dnn::Primitive>(std::move(made.primitive)));
  }
  std::vector<plan::BufferId> buffers;
  const auto add = [&](plan::BufferId buffer) {
    buffers.push_back(buffer);
    return buffers.size() - 1;
  };
  const auto add_input = [&](std::size_t input) -> Result<std::size_t> {
    if (!builder.has_input(input)) return std::size_t{0};
    return add(TRY(builder.read(input)));
  };
  const auto add_state = [&](std::size_t input) -> Result<std::size_t> {
    if (!builder.has_input(input) || !settings.batch_first) return add_input(input);
    return add(TRY(read_turned(builder, input)));
  };
  Places places{};
  places.products = add(products);
  places.recurrent = TRY(add_input(2));
  places.bias = TRY(add_input(3));
  places.lengths = TRY(add_input(4));
  places.first_h = TRY(add_state(5));
  if (has_cell) {
    places.first_c = TRY(add_state(6));
    places.peepholes = TRY(add_input(7));
  }
  const std::int64_t d = number(sizes.directions), b = number(sizes.batch),
                     h = number(sizes.hidden);
  const std::vector<Shape> outputs{{number(sizes.steps), d, b, h}, {d, b, h}, {d, b, h}};
  std::vector<plan::BufferId> made;
  for (std::size_t i = 0; i < (has_cell ? 3u : 2u); ++i) {
    made.push_back(settings.batch_first
                       ? TRY(builder.scratch(TRY(byte_count(DataType::Float32, outputs[i]))))
                       : TRY(builder.write(i, DataType::Float32, outputs[i])));
  }
  places.all = add(made[0]);
  places.last_h = add(made[1]);
  if (has_cell) places.last_c = add(made[2]);
  places.step_products = add(TRY(floats(b * width)));
  places.scratch = add(TRY(floats(b * width)));
  places.limited = add(TRY(floats(b * h)));
  if (scratch > 0) places.matmul_scratch = add(TRY(builder.scratch(scratch)));
  auto product = std::make_shared<Product>(sizes, parts, std::move(primitives));
  builder.step(std::move(buffers),
               [sizes, backwards = settings.backwards, places, gates, cell = std::move(cell),
                product](std::span<std::byte* const> memory, Pool&) {
                 return walk(sizes, backwards, places, gates, cell, *product, memory);
               });
  for (std::size_t i = 0; settings.batch_first && i < made.size(); ++i) {
    if (!builder.has_output(i)) continue;
    const std::vector<std::size_t> order =
        i == 0 ? std::vector<std::size_t>{2, 0, 1, 3} : std::vector<std::size_t>{1, 0, 2};
    TRY(write_ordered(builder, i, made[i], outputs[i], order));
  }
  return {};
}

}  // namespace torchkeep::runtime::kernels
