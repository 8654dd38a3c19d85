// NonMaxSuppression-10, NonMaxSuppression-11:
// https://onnx.ai/onnx/operators/onnx__NonMaxSuppression.html
#include <algorithm>
#include <limits>

#include "torchkeep/runtime/kernels/operators.h"
#include "torchkeep/runtime/kernels/types.h"

namespace torchkeep::runtime::kernels {
namespace {

struct Box {
  float top, left, bottom, right;

  float area() const { return (bottom - top) * (right - left); }
};

/// Corners may be any two that lie across.
Box box_of(const float* from, bool centred) {
  if (centred) {
    const float x = from[0], y = from[1], width = from[2] / 2, height = from[3] / 2;
    return {y - height, x - width, y + height, x + width};
  }
  return {std::min(from[0], from[2]), std::min(from[1], from[3]), std::max(from[0], from[2]),
          std::max(from[1], from[3])};
}

bool overlap(const Box& one, const Box& other, float threshold) {
  const float height = std::min(one.bottom, other.bottom) - std::max(one.top, other.top),
              width = std::min(one.right, other.right) - std::max(one.left, other.left);
  if (height <= 0 || width <= 0) return false;
  const float shared = height * width, joined = one.area() + other.area() - shared;
  return joined > 0 && shared / joined > threshold;
}

/// A single number, or what it is if left out. Errors: Malformed for another type.
template <typename T>
Result<T> number_or(std::span<const plan::View> inputs, std::size_t index, T otherwise) {
  if (index >= inputs.size() || inputs[index].data == nullptr) return otherwise;
  const plan::View& view = inputs[index];
  if (view.dtype != type_of<T>() || TRY(element_count(view.shape)) != 1)
    return malformed("input ", index, " is no single ", name_of(type_of<T>()));
  return *reinterpret_cast<const T*>(view.data);
}

class NonMaxSuppression final : public Kernel {
 public:
  explicit NonMaxSuppression(bool centred) : centred_(centred) {}

  bool runs_alone() const override { return true; }
  Result<void> plan(plan::Builder&) override { return malformed("it is never planned"); }

  Result<std::vector<Tensor>> run(std::span<const plan::View> inputs,
                                  plan::Context& context) override {
    const plan::View &boxes = inputs[0], &scores = inputs[1];
    if (boxes.dtype != DataType::Float32 || scores.dtype != DataType::Float32 ||
        boxes.shape.size() != 3 || scores.shape.size() != 3 || boxes.shape[2] != 4 ||
        boxes.shape[0] != scores.shape[0] || boxes.shape[1] != scores.shape[2]) {
      return malformed("boxes of shape ", describe(boxes.shape), " and scores of shape ",
                       describe(scores.shape), " do not fit");
    }
    const std::int64_t most = TRY(number_or<std::int64_t>(inputs, 2, 0));
    const float threshold = TRY(number_or<float>(inputs, 3, 0));
    const float least = TRY(number_or<float>(inputs, 4, -std::numeric_limits<float>::infinity()));
    const auto count = static_cast<std::size_t>(boxes.shape[1]);
    std::vector<std::int64_t> chosen;
    for (std::int64_t b = 0; b < scores.shape[0]; ++b) {
      const float* corners = reinterpret_cast<const float*>(boxes.data) + b * boxes.shape[1] * 4;
      for (std::int64_t c = 0; c < scores.shape[1]; ++c) {
        // Each box that is kept is held against all that come after it.
        const double pairs = static_cast<double>(count) * static_cast<double>(count);
        TRY(context.deadline.check(pairs * sizeof(Box) * Deadline::kWorkOfAByte));
        const float* of_class = reinterpret_cast<const float*>(scores.data) +
                                (b * scores.shape[1] + c) * scores.shape[2];
        for (const std::size_t box : choose(corners, of_class, count, most, threshold, least))
          chosen.insert(chosen.end(), {b, c, static_cast<std::int64_t>(box)});
      }
    }
    std::vector<Tensor> outputs;
    outputs.push_back(TRY(Tensor::uninitialised(DataType::Int64, {std::ssize(chosen) / 3, 3})));
    std::ranges::copy(chosen, outputs[0].elements<std::int64_t>().begin());
    return outputs;
  }

 private:
  std::vector<std::size_t> choose(const float* corners, const float* scores, std::size_t count,
                                  std::int64_t most, float threshold, float least) const {
    std::vector<std::size_t> order;
    for (std::size_t i = 0; i < count; ++i) {
      if (scores[i] > least) order.push_back(i);
    }
    std::ranges::stable_sort(
        order, [&](std::size_t one, std::size_t other) { return scores[one] > scores[other]; });
    std::vector<std::size_t> chosen;
    std::vector<Box> kept;
    for (const std::size_t i : order) {
      if (std::ssize(chosen) >= most) break;
      const Box box = box_of(corners + i * 4, centred_);
      const auto hides = [&](const Box& other) { return overlap(box, other, threshold); };
      if (std::ranges::any_of(kept, hides)) continue;
      chosen.push_back(i);
      kept.push_back(box);
    }
    return chosen;
  }

  bool centred_;
};

}  // namespace

Result<KernelPointer> make_non_max_suppression(NodeReader& node) {
  const std::int64_t form = TRY(node.int_or("center_point_box", 0));
  if (form != 0 && form != 1) return malformed("center_point_box is ", form, ", wanted is 0 or 1");
  return std::make_unique<NonMaxSuppression>(form == 1);
}

}  // namespace torchkeep::runtime::kernels
