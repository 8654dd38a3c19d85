// Attention as the optimiser finds it written out: optimise/fuse_attention.cpp.
#include <cmath>
#include <numeric>

#include "torchkeep/base/text.h"
#include "torchkeep/runtime/kernels/attend.h"
#include "torchkeep/runtime/kernels/broadcast.h"
#include "torchkeep/runtime/kernels/epilogue.h"
#include "torchkeep/runtime/kernels/operators.h"
#include "torchkeep/runtime/kernels/strided.h"

namespace torchkeep::runtime::kernels {
namespace {

/// A tensor as attention sees it: its dimensions, and where in memory they lead.
struct Seen {
  Shape shape;
  std::vector<std::int64_t> strides;

  std::int64_t size(std::size_t from_last) const { return shape[shape.size() - from_last]; }
  std::int64_t stride(std::size_t from_last) const { return strides[strides.size() - from_last]; }
  Shape batch() const { return Shape(shape.begin(), shape.end() - 2); }

  /// Rows, spread over the batch dimensions `all`.
  AttendRows rows(const Shape& all) const {
    AttendRows rows;
    rows.batch.assign(all.size(), 0);
    const std::size_t own = shape.size() - 2;
    for (std::size_t i = 0; i < own; ++i)
      if (shape[i] != 1) rows.batch[all.size() - own + i] = strides[i];
    rows.row = shape[own] == 1 ? 0 : strides[own];
    return rows;
  }
};

Result<Seen> see(const Shape& shape, const std::vector<std::int64_t>& permutation) {
  if (shape.size() < 2 || (!permutation.empty() && permutation.size() != shape.size()))
    return malformed("attention cannot look at a tensor of shape ", describe(shape));
  const std::vector<std::int64_t> strides = row_major_strides(shape);
  Seen seen{shape, strides};
  for (std::size_t i = 0; i < permutation.size(); ++i) {
    seen.shape[i] = shape[static_cast<std::size_t>(permutation[i])];
    seen.strides[i] = strides[static_cast<std::size_t>(permutation[i])];
  }
  return seen;
}

class Attention final : public Kernel {
 public:
  Attention(graph::WrittenAttention written, float scale)
      : written_(std::move(written)), scale_(scale) {}

  Result<void> plan(plan::Builder& builder) override {
    for (std::size_t i = 0; i < 3; ++i) TRY(expect_float(builder, i));
    const Seen query = TRY(see(builder.input(0).shape, written_.query)),
               key = TRY(see(builder.input(1).shape, written_.key)),
               value = TRY(see(builder.input(2).shape, written_.value));
    if (query.size(1) != key.size(1) || key.size(2) != value.size(2)) {
      return malformed("queries, keys and values of shapes ", describe(query.shape), ", ",
                       describe(key.shape), " and ", describe(value.shape), " do not fit");
    }
    Attend attend;
    attend.queries = query.size(2);
    attend.keys = key.size(2);
    attend.width = query.size(1);
    attend.value_width = value.size(1);
    attend.scale = scale_;
    attend.batch =
        TRY(broadcast_shapes(TRY(broadcast_shapes(query.batch(), key.batch())), value.batch()));
    if (attend.keys == 0 || attend.width == 0)
      return malformed("there is nothing to attend to: keys of shape ", describe(key.shape));
    std::vector<plan::BufferId> buffers;
    for (std::size_t i = 0; i < 3; ++i) buffers.push_back(TRY(builder.read(i)));
    if (written_.mask != graph::WrittenAttention::Mask::None) {
      TRY(place_mask(builder, attend));
      buffers.push_back(TRY(builder.read(3)));
    }
    attend.query = query.rows(attend.batch);
    attend.key = key.rows(attend.batch);
    attend.value = value.rows(attend.batch);
    Shape logical = attend.batch;
    logical.insert(logical.end(), {attend.queries, attend.value_width});
    TRY(element_count(logical));
    Shape output = logical;
    if (!written_.output.empty()) {
      if (written_.output.size() != logical.size())
        return malformed("attention of shape ", describe(logical), " cannot be transposed");
      for (std::size_t i = 0; i < logical.size(); ++i)
        output[static_cast<std::size_t>(written_.output[i])] = logical[i];
    }
    attend.output = TRY(see(output, written_.output)).rows(attend.batch);
    buffers.push_back(TRY(builder.write(0, DataType::Float32, output)));
    if (attend.planes() == 0 || attend.queries == 0 || attend.value_width == 0) return {};
    buffers.push_back(TRY(builder.scratch(attend_scratch_bytes(attend, builder.threads()))));
    builder.step(std::move(buffers), attend_action(attend), attend.flops());
    return {};
  }

 private:
  Result<void> place_mask(const plan::Builder& builder, Attend& attend) const {
    const plan::Operand& mask = builder.input(3);
    using Mask = graph::WrittenAttention::Mask;
    if (written_.mask == Mask::Added)
      TRY(expect_float(builder, 3));
    else if (mask.dtype != DataType::Bool)
      return malformed("a condition is ", name_of(mask.dtype), ", wanted is BOOL");
    Shape shape = mask.shape;
    if (shape.size() < 2) shape.insert(shape.begin(), 2 - shape.size(), 1);
    const Seen seen = TRY(see(shape, {}));
    attend.batch = TRY(broadcast_shapes(attend.batch, seen.batch()));
    if ((seen.size(2) != 1 && seen.size(2) != attend.queries) ||
        (seen.size(1) != 1 && seen.size(1) != attend.keys)) {
      return malformed("a mask of shape ", describe(mask.shape), " does not fit ", attend.queries,
                       " queries and ", attend.keys, " keys");
    }
    attend.mask_rows = seen.rows(attend.batch);
    attend.mask_column = seen.size(1) == 1 ? 0 : 1;
    attend.replacement = written_.replacement;
    switch (written_.mask) {
      case Mask::Added: attend.mask = AttendMask::Added; break;
      case Mask::ReplacedNot: attend.mask = AttendMask::ReplacedNot; break;
      default: attend.mask = AttendMask::Replaced;
    }
    return {};
  }

  graph::WrittenAttention written_;
  float scale_;
};

}  // namespace

Result<KernelPointer> make_written_attention(NodeReader& node) {
  return std::make_unique<Attention>(*node.node().attention, node.node().scale);
}

}  // namespace torchkeep::runtime::kernels
