#pragma once

#include <functional>

#include "torchkeep/runtime/kernels/node_reader.h"
#include "torchkeep/runtime/plan/builder.h"

/// A parameter in the order that a primitive likes, made once and shared by all plans.
namespace torchkeep::runtime::kernels {

/// Packed columns are padded to 32 or more: below this, packing costs more than it gives.
inline constexpr std::int64_t kFewestPackedColumns = 16;

/// *Not thread-safe.*
class Packed {
 public:
  /// `constant` holds the row-major elements; `shape` is how oneDNN sees them. With `transposed`
  /// they are [n, k] where `shape` says [k, n].
  Packed(std::shared_ptr<graph::Constant> constant, Shape shape, bool transposed = false)
      : constant_(std::move(constant)),
        dtype_(constant_->dtype()),
        shape_(std::move(shape)),
        transposed_(transposed) {}

  /// The matrix that a MatMul or Gemm multiplies with, if that is to be packed or lies in panels:
  /// one of floats that are known, and wide enough. `turned`: input 1 is its transpose.
  static std::optional<Packed> find_matrix(const NodeReader& node, bool turned);

  const Shape& shape() const { return shape_; }
  /// Whether it lay in panels from the start, which others read too.
  bool is_shared() const { return is_shared_; }
  /// The layout of the first packing: later plans do well to keep to it.
  std::optional<dnn::Layout> layout() const;
  /// Where they are packed in a way that loops of our own can follow: the floats from one panel to
  /// the next.
  std::optional<std::uint64_t> panel_floats() const;
  /// Of what was packed here.
  std::uint64_t bytes() const;

  /// The elements in that layout, for steps of `builder`'s plan. The first call lets go of the
  /// row-major ones; a later one with another layout packs from the first.
  Result<plan::BufferId> in_layout(plan::Builder& builder, const dnn::Layout& layout);

  /// Writes `from`, the row-major elements, to all bytes of `to` in an order of its own.
  using Write = std::function<void(ByteView from, MutableByteView to)>;
  /// The elements in an order that no primitive knows, `bytes` in all: once packed so, they are
  /// packed in no other way. The first call writes, and lets go of the row-major ones.
  Result<plan::BufferId> in_own_order(plan::Builder& builder, std::uint64_t bytes,
                                      const Write& write);
  bool is_in_own_order() const { return !versions_.empty() && !versions_.front().layout; }

 private:
  struct Version {
    std::optional<dnn::Layout> layout;  ///< None: an order of its own.
    ByteView bytes;
    std::shared_ptr<const void> owner;
    std::optional<std::uint64_t> panel_floats;  ///< Asked for by each plan.
  };

  void add_version(std::optional<dnn::Layout> layout, ByteView bytes,
                   std::shared_ptr<const void> owner);
  Result<void> pack(plan::Builder& builder, const dnn::Layout& layout);
  /// Packs a large matrix that nobody else reads, and lets go of it piece by piece. False: it is
  /// none, nothing was done.
  Result<bool> pack_last_in_stages(plan::Builder& builder, const dnn::Layout& layout);
  plan::BufferId keep_last(plan::Builder& builder);

  std::shared_ptr<graph::Constant> constant_;
  DataType dtype_;  ///< Float32 or Int8.
  Shape shape_;
  bool transposed_;
  bool is_shared_ = false;  ///< The first version.
  std::vector<Version> versions_;
};

}  // namespace torchkeep::runtime::kernels
