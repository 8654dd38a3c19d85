// Unique-11: https://onnx.ai/onnx/operators/onnx__Unique.html
#include <algorithm>
#include <numeric>

#include "torchkeep/runtime/kernels/alone.h"
#include "torchkeep/runtime/kernels/axis.h"
#include "torchkeep/runtime/kernels/operators.h"

namespace torchkeep::runtime::kernels {
namespace {

/// Slices along one dimension; without an axis, elements.
struct Slices {
  std::size_t outer = 1, count = 0, inner = 1;
  std::size_t size() const { return outer * inner; }
  std::size_t place(std::size_t slice, std::size_t i) const {
    return (i / inner * count + slice) * inner + i % inner;
  }
};

/// Below 0, 0 or above 0. What is no number comes last and is equal to itself, as in NumPy.
template <typename T>
int compare(T left, T right) {
  const bool left_is_none = left != left, right_is_none = right != right;
  if (left_is_none || right_is_none) return int{left_is_none} - int{right_is_none};
  return left < right ? -1 : right < left ? 1 : 0;
}

template <typename T>
int compare_slices(const T* elements, const Slices& slices, std::size_t left, std::size_t right) {
  for (std::size_t i = 0; i < slices.size(); ++i) {
    const int order = compare(elements[slices.place(left, i)], elements[slices.place(right, i)]);
    if (order != 0) return order;
  }
  return 0;
}

/// Of equal slices, the group that each is in, and where each group is first.
struct Groups {
  std::vector<std::size_t> first, of_slice, count;
};

template <typename T>
Groups group(const T* elements, const Slices& slices, bool sorted) {
  std::vector<std::size_t> order(slices.count);
  std::iota(order.begin(), order.end(), std::size_t{0});
  // Stable, so that of equals the first stays first.
  std::ranges::stable_sort(order, [&](std::size_t left, std::size_t right) {
    return compare_slices(elements, slices, left, right) < 0;
  });
  Groups groups;
  groups.of_slice.resize(slices.count);
  for (std::size_t i = 0; i < order.size(); ++i) {
    if (i == 0 || compare_slices(elements, slices, order[i - 1], order[i]) != 0) {
      groups.first.push_back(order[i]);
      groups.count.push_back(0);
    }
    groups.of_slice[order[i]] = groups.first.size() - 1;
    ++groups.count.back();
  }
  if (sorted) return groups;
  // Groups in the order of their first slices.
  std::vector<std::size_t> by_first(groups.first.size()), place(by_first.size());
  std::iota(by_first.begin(), by_first.end(), std::size_t{0});
  std::ranges::sort(by_first, {}, [&](std::size_t g) { return groups.first[g]; });
  Groups ordered;
  for (std::size_t i = 0; i < by_first.size(); ++i) {
    place[by_first[i]] = i;
    ordered.first.push_back(groups.first[by_first[i]]);
    ordered.count.push_back(groups.count[by_first[i]]);
  }
  for (const std::size_t g : groups.of_slice) ordered.of_slice.push_back(place[g]);
  return ordered;
}

Tensor indices_of(const std::vector<std::size_t>& numbers) {
  Tensor tensor = Tensor::uninitialised(DataType::Int64, {std::ssize(numbers)}).value();
  std::ranges::transform(numbers, tensor.elements<std::int64_t>().begin(),
                         [](std::size_t number) { return static_cast<std::int64_t>(number); });
  return tensor;
}

class Unique final : public Kernel {
 public:
  Unique(std::optional<std::int64_t> axis, bool sorted) : axis_(axis), sorted_(sorted) {}

  bool runs_alone() const override { return true; }
  Result<void> plan(plan::Builder&) override { return malformed("it is never planned"); }

  Result<std::vector<Tensor>> run(std::span<const plan::View> inputs, plan::Context&) override {
    const plan::View& input = inputs[0];
    Shape shape = input.shape;
    if (!axis_) shape = {static_cast<std::int64_t>(TRY(element_count(shape)))};
    const std::size_t axis = axis_ ? TRY(resolve_axis(*axis_, shape.size())) : 0;
    const Slices slices{extent(shape, 0, axis), extent(shape, axis, axis + 1),
                        extent(shape, axis + 1, shape.size())};
    if (slices.size() == 0 && slices.count > 0)  // of which there may be any number
      return malformed("slices of an input of shape ", describe(shape), " have no elements");
    Result<std::vector<Tensor>> outputs = malformed(name_of(input.dtype), " is not supported");
    using All = Types<float, double, std::int64_t, std::int32_t, std::int16_t, std::int8_t,
                      std::uint8_t, std::uint16_t, std::uint32_t, std::uint64_t, Truth>;
    // Grouped here and now: the action that this would be made for has nothing left to do.
    TRY(action_for(All(), input.dtype, [&]<typename T>() {
      outputs = outputs_of<T>(reinterpret_cast<const T*>(input.data), slices, shape, axis);
      return plan::Action();
    }));
    return outputs;
  }

 private:
  template <typename T>
  Result<std::vector<Tensor>> outputs_of(const T* elements, const Slices& slices, Shape shape,
                                         std::size_t axis) const {
    const Groups groups = group(elements, slices, sorted_);
    const Slices kept{slices.outer, groups.first.size(), slices.inner};
    shape[axis] = std::ssize(groups.first);
    Tensor unique = TRY(Tensor::uninitialised(type_of<T>(), std::move(shape)));
    for (std::size_t g = 0; g < kept.count; ++g) {
      for (std::size_t i = 0; i < kept.size(); ++i)
        unique.elements<T>()[kept.place(g, i)] = elements[slices.place(groups.first[g], i)];
    }
    std::vector<Tensor> outputs = one(std::move(unique));
    outputs.push_back(indices_of(groups.first));
    outputs.push_back(indices_of(groups.of_slice));
    outputs.push_back(indices_of(groups.count));
    return outputs;
  }

  std::optional<std::int64_t> axis_;
  bool sorted_;
};

}  // namespace

Result<KernelPointer> make_unique_elements(NodeReader& node) {
  std::optional<std::int64_t> axis;
  if (node.has("axis")) axis = TRY(node.int_or("axis", 0));
  return std::make_unique<Unique>(axis, TRY(node.int_or("sorted", 1)) != 0);
}

}  // namespace torchkeep::runtime::kernels
