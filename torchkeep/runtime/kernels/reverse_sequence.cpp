// ReverseSequence-10: https://onnx.ai/onnx/operators/onnx__ReverseSequence.html
#include <cstring>

#include "torchkeep/runtime/kernels/axis.h"
#include "torchkeep/runtime/kernels/operators.h"
#include "torchkeep/runtime/kernels/whole.h"

namespace torchkeep::runtime::kernels {
namespace {

class ReverseSequence final : public Kernel {
 public:
  explicit ReverseSequence(bool time_first) : time_first_(time_first) {}
  bool takes_halves() const override { return true; }

  Result<void> plan(plan::Builder& builder) override {
    const Shape shape = builder.input(0).shape;
    const DataType dtype = builder.input(0).dtype;
    if (shape.size() < 2)
      return malformed("an input of shape ", describe(shape), " is no batch of sequences");
    TRY(expect_type(builder, 1, DataType::Int64));
    const std::size_t batch = extent(shape, time_first_ ? 1 : 0, time_first_ ? 2 : 1),
                      steps = extent(shape, time_first_ ? 0 : 1, time_first_ ? 1 : 2),
                      bytes = extent(shape, 2, shape.size()) * element_bytes(dtype);
    if (builder.input(1).shape != Shape{dimension(batch)})
      return malformed("lengths of shape ", describe(builder.input(1).shape),
                       " do not fit a batch of ", batch);
    plan::Action action = [=, time_first = time_first_](std::span<std::byte* const> memory,
                                                        Pool&) -> Result<void> {
      const auto place = [&](std::size_t b, std::size_t t) {
        return (time_first ? t * batch + b : b * steps + t) * bytes;
      };
      for (std::size_t b = 0; b < batch; ++b) {
        const std::int64_t length = source<std::int64_t>(memory, 1)[b];
        if (length < 0 || length > dimension(steps))
          return malformed("a sequence's length is ", length, " of ", steps);
        const auto turned = static_cast<std::size_t>(length);
        for (std::size_t t = 0; t < steps && bytes > 0; ++t) {
          const std::size_t from = t < turned ? turned - 1 - t : t;
          std::memcpy(memory[2] + place(b, t), memory[0] + place(b, from), bytes);
        }
      }
      return {};
    };
    std::vector<Made> made;
    made.push_back({dtype, shape});
    return plan_whole(builder, 2, std::move(made), std::move(action));
  }

 private:
  bool time_first_;
};

}  // namespace

Result<KernelPointer> make_reverse_sequence(NodeReader& node) {
  const std::int64_t batch = TRY(node.int_or("batch_axis", 1)),
                     time = TRY(node.int_or("time_axis", 0));
  if (batch + time != 1 || batch * time != 0)
    return malformed("axes ", batch, " and ", time, " are not 0 and 1");
  return std::make_unique<ReverseSequence>(time == 0);
}

}  // namespace torchkeep::runtime::kernels
