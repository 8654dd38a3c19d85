// Pad-2 to Pad-21: https://onnx.ai/onnx/operators/onnx__Pad.html
// Before version 11, pads and value were attributes; both forms are read.
#include "torchkeep/runtime/kernels/pad.h"

#include <algorithm>

#include "torchkeep/runtime/kernels/axis.h"
#include "torchkeep/runtime/kernels/known.h"
#include "torchkeep/runtime/kernels/operators.h"
#include "torchkeep/runtime/kernels/strided.h"

namespace torchkeep::runtime::kernels {
namespace {

enum class Mode { Constant, Reflect, Edge, Wrap };
constexpr std::int64_t kOutside = -1;

Result<Mode> mode_of(std::string_view name) {
  if (name == "constant") return Mode::Constant;
  if (name == "reflect") return Mode::Reflect;
  if (name == "edge") return Mode::Edge;
  if (name == "wrap") return Mode::Wrap;
  return malformed("mode is \"", name, "\", wanted is constant, reflect, edge or wrap");
}

/// Which index of a dimension stands at `index`, which may be before its start or after its end.
std::int64_t index_in(Mode mode, std::int64_t index, std::int64_t size) {
  if (index >= 0 && index < size) return index;
  switch (mode) {
    case Mode::Constant: return kOutside;
    case Mode::Edge: return std::clamp<std::int64_t>(index, 0, size - 1);
    case Mode::Wrap: return ((index % size) + size) % size;
    case Mode::Reflect: break;
  }
  if (size == 1) return 0;
  const std::int64_t period = 2 * (size - 1), rest = ((index % period) + period) % period;
  return rest < size ? rest : period - rest;
}

/// For each dimension of the result, where in the input each of its indices is, in elements.
struct Map {
  Shape output;
  std::vector<std::vector<std::int64_t>> places;
};

constexpr std::int64_t kMostPadding = std::int64_t{1} << 28;  // each way

/// Errors: Malformed if the result is absurd, or there is nothing to pad with.
Result<Map> map_of(Mode mode, const Shape& input, const std::vector<std::int64_t>& before,
                   const std::vector<std::int64_t>& after) {
  const std::vector<std::int64_t> strides = row_major_strides(input);
  Map map;
  for (std::size_t i = 0; i < input.size(); ++i) {
    const std::int64_t size = input[i] + before[i] + after[i];
    if (size < 0 || size > kMostPadding) return malformed("dimension ", i, " becomes ", size);
    if (input[i] == 0 && size > 0 && mode != Mode::Constant)
      return malformed("dimension ", i, " has nothing to pad with");
    map.output.push_back(size);
  }
  TRY(check_shape(map.output));
  for (std::size_t i = 0; i < input.size(); ++i) {
    std::vector<std::int64_t>& places = map.places.emplace_back();
    for (std::int64_t k = 0; k < map.output[i]; ++k) {
      const std::int64_t index = index_in(mode, k - before[i], input[i]);
      places.push_back(index == kOutside ? kOutside : index * strides[i]);
    }
  }
  return map;
}

template <typename T>
plan::Action action_of(Map map, T fill, bool reads_fill) {
  return [map = std::move(map), fill, reads_fill](std::span<std::byte* const> memory,
                                                  Pool& pool) -> Result<void> {
    const T* from = source<T>(memory, 0);
    T* to = target<T>(memory, reads_fill ? 2 : 1);
    const T value = reads_fill ? *source<T>(memory, 1) : fill;
    const std::size_t rank = map.output.size();
    if (rank == 0) {
      *to = *from;
      return {};
    }
    const std::vector<std::int64_t>& last = map.places.back();
    const std::size_t columns = last.size();
    pool.parallel_for(
        extent(map.output, 0, rank - 1), rows_a_thread(columns),
        [&](std::size_t begin, std::size_t end) {
          for (std::size_t row = begin; row < end; ++row) {
            std::int64_t start = 0;
            std::size_t left = row;
            for (std::size_t i = rank - 1; i-- > 0 && start != kOutside;) {
              const std::int64_t place = map.places[i][left % map.places[i].size()];
              start = place == kOutside ? kOutside : start + place;
              left /= map.places[i].size();
            }
            T* place = to + row * columns;
            for (std::size_t i = 0; i < columns; ++i)
              place[i] = start == kOutside || last[i] == kOutside ? value : from[start + last[i]];
          }
        });
    return {};
  };
}

class Pad final : public Kernel {
 public:
  Pad(Mode mode, std::optional<std::vector<std::int64_t>> pads, float value)
      : mode_(mode), pads_(std::move(pads)), value_(value) {}

  bool needs_known(std::size_t input) const override { return input == 1 || input == 3; }

  Result<void> plan(plan::Builder& builder) override {
    const Shape& input = builder.input(0).shape;
    const DataType dtype = builder.input(0).dtype;
    const auto [before, after] = TRY(read_pads(builder, input.size()));
    Map map = TRY(map_of(mode_, input, before, after));
    const Shape output = map.output;
    const bool reads_fill = builder.has_input(2);
    if (reads_fill &&
        (builder.input(2).dtype != dtype || TRY(element_count(builder.input(2).shape)) != 1))
      return malformed("input 2 is no single element of the first input's type");
    plan::Action action = TRY(make_action(dtype, std::move(map), reads_fill));
    std::vector<plan::BufferId> buffers{TRY(builder.read(0))};
    if (reads_fill) buffers.push_back(TRY(builder.read(2)));
    buffers.push_back(TRY(builder.write(0, dtype, output)));
    builder.step(std::move(buffers), std::move(action));
    return {};
  }

 private:
  Result<plan::Action> make_action(DataType dtype, Map map, bool reads_fill) const {
    if (value_ != 0) {
      if (dtype != DataType::Float32) return malformed("a value for ", name_of(dtype));
      return action_of<float>(std::move(map), value_, false);
    }
    return action_by_size(
        dtype, [&]<typename T>() { return action_of<T>(std::move(map), T{0}, reads_fill); });
  }

  using Pads = std::pair<std::vector<std::int64_t>, std::vector<std::int64_t>>;
  Result<Pads> read_pads(const plan::Builder& builder, std::size_t rank) const {
    const std::vector<std::int64_t> pads = pads_ ? *pads_ : TRY(known_ints(builder, 1));
    std::vector<std::int64_t> axes;
    if (builder.has_input(3)) {
      axes = TRY(known_ints(builder, 3));
    } else {
      for (std::size_t i = 0; i < rank; ++i) axes.push_back(static_cast<std::int64_t>(i));
    }
    if (pads.size() != 2 * axes.size())
      return malformed("pads has ", pads.size(), " numbers, wanted are ", 2 * axes.size());
    std::vector<std::int64_t> before(rank, 0), after(rank, 0);
    for (std::size_t i = 0; i < axes.size(); ++i) {
      const std::size_t axis = TRY(resolve_axis(axes[i], rank));
      for (const std::int64_t pad : {pads[i], pads[i + axes.size()]}) {
        if (pad < -kMostPadding || pad > kMostPadding)
          return malformed("a pad is ", pad, ", wanted is ", -kMostPadding, " to ", kMostPadding);
      }
      before[axis] = pads[i];
      after[axis] = pads[i + axes.size()];
    }
    return Pads{std::move(before), std::move(after)};
  }

  Mode mode_;
  std::optional<std::vector<std::int64_t>> pads_;
  float value_;
};

}  // namespace

Result<void> plan_zero_padding(plan::Builder& builder, const std::vector<std::int64_t>& before,
                               const std::vector<std::int64_t>& after) {
  const DataType dtype = builder.input(0).dtype;
  Map map = TRY(map_of(Mode::Constant, builder.input(0).shape, before, after));
  const Shape output = map.output;
  plan::Action action = action_by_size(
      dtype, [&]<typename T>() { return action_of<T>(std::move(map), T{0}, false); });
  const plan::BufferId from = TRY(builder.read(0)), to = TRY(builder.write(0, dtype, output));
  builder.step({from, to}, std::move(action));
  return {};
}

Result<KernelPointer> make_pad(NodeReader& node) {
  const Mode mode = TRY(mode_of(TRY(node.text_or("mode", "constant"))));
  if (node.has_input(1)) return std::make_unique<Pad>(mode, std::nullopt, 0.0F);
  std::vector<std::int64_t> pads = TRY(node.ints(node.opset() < 2 ? "paddings" : "pads"));
  return std::make_unique<Pad>(mode, std::move(pads), TRY(node.float_or("value", 0)));
}

}  // namespace torchkeep::runtime::kernels
