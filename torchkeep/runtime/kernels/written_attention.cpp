// Attention as the optimiser finds it written out: optimise/fuse_attention.cpp.
#include <cmath>
#include <optional>

#include "torchkeep/base/text.h"
#include "torchkeep/runtime/kernels/attend.h"
#include "torchkeep/runtime/kernels/broadcast.h"
#include "torchkeep/runtime/kernels/epilogue.h"
#include "torchkeep/runtime/kernels/operators.h"
#include "torchkeep/runtime/plan/lying.h"

namespace torchkeep::runtime::kernels {
namespace {

/// A tensor as attention sees it: its dimensions, and where in memory they lead.
struct Seen {
  Shape shape;
  plan::Lying lying;

  std::int64_t size(std::size_t from_last) const { return shape[shape.size() - from_last]; }
  Shape batch() const { return Shape(shape.begin(), shape.end() - 2); }
  std::span<const plan::Stride> rows() const { return lying[shape.size() - 2]; }
};

/// Whether the loops can follow it: a row's elements are neighbours, and rows are one step apart.
bool is_in_rows(const Seen& seen) {
  const std::span<const plan::Stride> row = seen.lying.back();
  return seen.rows().size() == 1 && row.size() == 1 && (row[0].step == 1 || row[0].size == 1);
}

Result<Seen> see(const Shape& shape, plan::Lying lying,
                 const std::vector<std::int64_t>& permutation) {
  if (shape.size() < 2 || (!permutation.empty() && permutation.size() != shape.size()))
    return malformed("attention cannot look at a tensor of shape ", describe(shape));
  if (lying.empty()) lying = plan::lying_in(shape, shape);
  if (permutation.empty()) return Seen{shape, std::move(lying)};
  Seen seen;
  seen.shape.reserve(shape.size());
  seen.lying.reserve(shape.size());
  for (const std::int64_t dimension : permutation) {
    seen.shape.push_back(shape[static_cast<std::size_t>(dimension)]);
    seen.lying.add(lying[static_cast<std::size_t>(dimension)]);
  }
  return seen;
}

/// The batch dimensions, each in the parts in which some of the tensors have it in memory: heads of
/// queries that share one of keys are such a dimension.
using Parts = std::vector<std::vector<std::int64_t>>;

/// None if two tensors have a dimension in parts that differ.
std::optional<Parts> parts_of(const Shape& batch, std::initializer_list<const Seen*> all) {
  Parts parts;
  for (const std::int64_t size : batch) parts.push_back({size});
  for (const Seen* seen : all) {
    const std::size_t own = seen->shape.size() - 2;
    for (std::size_t i = 0; i < own; ++i) {
      if (seen->lying[i].size() < 2) continue;
      std::vector<std::int64_t> sizes;
      for (const plan::Stride& stride : seen->lying[i]) sizes.push_back(stride.size);
      std::vector<std::int64_t>& known = parts[batch.size() - own + i];
      if (known.size() > 1 && known != sizes) return std::nullopt;
      known = std::move(sizes);
    }
  }
  return parts;
}

Shape joined(const Parts& parts) {
  Shape shape;
  for (const auto& sizes : parts) shape.insert(shape.end(), sizes.begin(), sizes.end());
  return shape;
}

AttendRows rows_of(const Seen& seen, const Parts& parts) {
  AttendRows rows;
  const std::size_t own = seen.shape.size() - 2;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const std::size_t first = rows.batch.size();
    rows.batch.resize(first + parts[i].size(), 0);
    if (i + own < parts.size()) continue;
    const std::size_t dimension = i + own - parts.size();
    if (seen.shape[dimension] == 1) continue;
    const std::span<const plan::Stride> lying = seen.lying[dimension];
    std::int64_t step = lying.back().step;
    for (std::size_t k = parts[i].size(); k-- > 0;) {
      rows.batch[first + k] = lying.size() > 1 ? lying[k].step : step;
      step *= parts[i][k];
    }
  }
  rows.row = seen.size(2) == 1 ? 0 : seen.rows()[0].step;
  return rows;
}

class Attention final : public Kernel {
 public:
  Attention(graph::WrittenAttention written, float scale)
      : written_(std::move(written)), scale_(scale) {}

  Result<void> plan(plan::Builder& builder) override {
    for (std::size_t i = 0; i < 3; ++i) TRY(expect_float(builder, i));
    std::vector<plan::BufferId> buffers;
    const Seen query = TRY(read(builder, 0, written_.query, buffers)),
               key = TRY(read(builder, 1, written_.key, buffers)),
               value = TRY(read(builder, 2, written_.value, buffers));
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
    Shape batch =
        TRY(broadcast_shapes(TRY(broadcast_shapes(query.batch(), key.batch())), value.batch()));
    if (attend.keys == 0 || attend.width == 0)
      return malformed("there is nothing to attend to: keys of shape ", describe(key.shape));
    std::optional<Seen> mask;
    if (written_.mask != graph::WrittenAttention::Mask::None) {
      mask = TRY(see_mask(builder, attend));
      batch = TRY(broadcast_shapes(batch, mask->batch()));
      buffers.push_back(TRY(builder.read(3)));
    }
    const std::optional<Parts> found = parts_of(batch, {&query, &key, &value});
    // Keys and values of one cache lie alike; others are not worth a way of their own.
    if (!found) return malformed("keys and values lie in parts that differ");
    const Parts& parts = *found;
    attend.batch = joined(parts);
    attend.query = rows_of(query, parts);
    attend.key = rows_of(key, parts);
    attend.value = rows_of(value, parts);
    if (mask) {
      attend.mask_rows = rows_of(*mask, parts);
      attend.mask_column = mask->size(1) == 1 ? 0 : 1;
    }
    Shape logical = batch;
    logical.insert(logical.end(), {attend.queries, attend.value_width});
    TRY(element_count(logical));
    Shape output = logical;
    if (!written_.output.empty()) {
      if (written_.output.size() != logical.size())
        return malformed("attention of shape ", describe(logical), " cannot be transposed");
      for (std::size_t i = 0; i < logical.size(); ++i)
        output[static_cast<std::size_t>(written_.output[i])] = logical[i];
    }
    attend.output = rows_of(TRY(see(output, {}, written_.output)), parts);
    buffers.push_back(TRY(builder.write(0, DataType::Float32, output)));
    if (attend.planes() == 0 || attend.queries == 0 || attend.value_width == 0) return {};
    buffers.push_back(TRY(builder.scratch(attend_scratch_bytes(attend, builder.threads()))));
    builder.step(std::move(buffers), attend_action(attend), attend.flops());
    return {};
  }

 private:
  /// Where it lies, if the loops can follow that; else brought together.
  static Result<Seen> read(plan::Builder& builder, std::size_t index,
                           const std::vector<std::int64_t>& permutation,
                           std::vector<plan::BufferId>& buffers) {
    const Shape shape = builder.input(index).shape;
    if (!builder.lying(index).empty() && builder.start(index) == 0) {
      Seen seen = TRY(see(shape, builder.lying(index), permutation));
      if (is_in_rows(seen)) {
        buffers.push_back(builder.read_as_it_lies(index));
        return seen;
      }
    }
    buffers.push_back(TRY(builder.read(index)));
    return see(shape, {}, permutation);
  }

  Result<Seen> see_mask(const plan::Builder& builder, Attend& attend) const {
    const plan::Operand& mask = builder.input(3);
    using Mask = graph::WrittenAttention::Mask;
    if (written_.mask == Mask::Added)
      TRY(expect_float(builder, 3));
    else if (mask.dtype != DataType::Bool)
      return malformed("a condition is ", name_of(mask.dtype), ", wanted is BOOL");
    Shape shape = mask.shape;
    if (shape.size() < 2) shape.insert(shape.begin(), 2 - shape.size(), 1);
    Seen seen = TRY(see(shape, {}, {}));
    if ((seen.size(2) != 1 && seen.size(2) != attend.queries) ||
        (seen.size(1) != 1 && seen.size(1) != attend.keys)) {
      return malformed("a mask of shape ", describe(mask.shape), " does not fit ", attend.queries,
                       " queries and ", attend.keys, " keys");
    }
    attend.replacement = written_.replacement;
    switch (written_.mask) {
      case Mask::Added: attend.mask = AttendMask::Added; break;
      case Mask::ReplacedNot: attend.mask = AttendMask::ReplacedNot; break;
      default: attend.mask = AttendMask::Replaced;
    }
    return seen;
  }

  graph::WrittenAttention written_;
  float scale_;
};

}  // namespace

Result<KernelPointer> make_written_attention(NodeReader& node) {
  return std::make_unique<Attention>(*node.node().attention, node.node().scale);
}

}  // namespace torchkeep::runtime::kernels
