// Bernoulli-15, Bernoulli-22: https://onnx.ai/onnx/operators/onnx__Bernoulli.html
#include "torchkeep/runtime/kernels/axis.h"
#include "torchkeep/runtime/kernels/cast_value.h"
#include "torchkeep/runtime/kernels/operators.h"
#include "torchkeep/runtime/kernels/random.h"
#include "torchkeep/runtime/kernels/whole.h"

namespace torchkeep::runtime::kernels {
namespace {

using ChanceTypes = Types<float, double, Half, Bfloat16>;
using DrawnTypes =
    Types<float, double, std::int64_t, std::int32_t, std::int16_t, std::int8_t, std::uint8_t,
          std::uint16_t, std::uint32_t, std::uint64_t, Half, Bfloat16, Truth>;

/// One with the chance that each element says. Memory order: chances, results.
template <typename P, typename T>
plan::Action action_of(const RandomSource& source_of_numbers, std::size_t count) {
  return [=](std::span<std::byte* const> memory, Pool&) -> Result<void> {
    const RandomNumbers numbers = TRY(source_of_numbers.start());
    for (std::size_t i = 0; i < count; ++i) {
      const auto chance = convert<double>(source<P>(memory, 0)[i]);
      if (!(chance >= 0 && chance <= 1)) return malformed("a chance is not between 0 and 1");
      target<T>(memory, 1)[i] = convert<T>(numbers.uniform<double>(i) < chance ? 1.0F : 0.0F);
    }
    return {};
  };
}

class Bernoulli final : public Kernel {
 public:
  Bernoulli(RandomSource source, std::optional<DataType> dtype) : source_(source), dtype_(dtype) {}

  bool takes_halves() const override { return true; }
  bool is_constant() const override { return false; }

  Result<void> plan(plan::Builder& builder) override {
    const Shape shape = builder.input(0).shape;
    const DataType from = builder.input(0).dtype, to = dtype_.value_or(from);
    const std::size_t count = extent(shape, 0, shape.size());
    Result<plan::Action> made = malformed(name_of(to), " is not supported");
    TRY(action_for(ChanceTypes(), from, [&]<typename P>() {
      made = action_for(DrawnTypes(), to,
                        [&]<typename T>() { return action_of<P, T>(source_, count); });
      return plan::Action();
    }));
    std::vector<Made> outputs;
    outputs.push_back({to, shape});
    return plan_whole(builder, 1, std::move(outputs), TRY(std::move(made)));
  }

 private:
  RandomSource source_;
  std::optional<DataType> dtype_;
};

}  // namespace

Result<KernelPointer> make_bernoulli(NodeReader& node) {
  const RandomSource source = TRY(RandomSource::read(node));
  return std::make_unique<Bernoulli>(source, TRY(read_dtype(node)));
}

}  // namespace torchkeep::runtime::kernels
