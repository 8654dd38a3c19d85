#include "torchkeep/runtime/kernels/einsum_sum.h"

#include "torchkeep/runtime/kernels/axis.h"
#include "torchkeep/runtime/kernels/reduction.h"
#include "torchkeep/runtime/kernels/whole.h"

namespace torchkeep::runtime::kernels {
namespace {

/// Where each input stands while indices count up, the last one fastest.
class Odometer {
 public:
  Odometer(const Shape& shape, const std::vector<std::vector<std::int64_t>>& strides,
           std::vector<std::int64_t> start)
      : shape_(shape), strides_(strides), indices_(shape.size(), 0), places_(std::move(start)) {}

  const std::vector<std::int64_t>& places() const { return places_; }

  void move_to(std::size_t index) {
    for (std::size_t d = shape_.size(); d-- > 0;) {
      const auto size = static_cast<std::size_t>(shape_[d]);
      indices_[d] = static_cast<std::int64_t>(index % size);
      index /= size;
      for (std::size_t i = 0; i < places_.size(); ++i) places_[i] += indices_[d] * strides_[i][d];
    }
  }
  void advance() {
    for (std::size_t d = shape_.size(); d-- > 0;) {
      const bool turns = ++indices_[d] == shape_[d];
      const std::int64_t steps = turns ? 1 - shape_[d] : 1;
      for (std::size_t i = 0; i < places_.size(); ++i) places_[i] += steps * strides_[i][d];
      if (!turns) return;
      indices_[d] = 0;
    }
  }

 private:
  const Shape& shape_;
  const std::vector<std::vector<std::int64_t>>& strides_;
  std::vector<std::int64_t> indices_, places_;
};

/// Memory order: inputs, result.
template <typename T>
plan::Action action_of(const EinsumSum& sum) {
  return [sum](std::span<std::byte* const> memory, Pool& pool) -> Result<void> {
    const std::size_t inputs = sum.kept_strides.size();
    const std::size_t terms = extent(sum.summed, 0, sum.summed.size());
    pool.parallel_for(
        extent(sum.kept, 0, sum.kept.size()), rows_a_thread(terms),
        [&](std::size_t begin, std::size_t end) {
          Odometer kept(sum.kept, sum.kept_strides, std::vector<std::int64_t>(inputs, 0));
          kept.move_to(begin);
          for (std::size_t k = begin; k < end; ++k, kept.advance()) {
            Odometer summed(sum.summed, sum.summed_strides, kept.places());
            Accumulator<T> total = 0;
            for (std::size_t t = 0; t < terms; ++t, summed.advance()) {
              Accumulator<T> product = 1;
              for (std::size_t i = 0; i < inputs; ++i)
                product *= static_cast<Accumulator<T>>(source<T>(memory, i)[summed.places()[i]]);
              total += product;
            }
            target<T>(memory, inputs)[k] = static_cast<T>(total);
          }
        });
    return {};
  };
}

}  // namespace

Result<void> plan_einsum_sum(plan::Builder& builder, const EinsumSum& sum) {
  const DataType dtype = builder.input(0).dtype;
  plan::Action action =
      TRY(action_for(NumberTypes(), dtype, [&]<typename T>() { return action_of<T>(sum); }));
  std::vector<Made> made;
  made.push_back({dtype, sum.kept});
  return plan_whole(builder, builder.input_count(), std::move(made), std::move(action));
}

}  // namespace torchkeep::runtime::kernels
