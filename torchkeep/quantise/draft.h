#pragma once

#include <functional>

#include "torchkeep/quantise/message.h"
#include "torchkeep/quantise/source.h"

/// What becomes of a model: its changes, and the file that they make.
namespace torchkeep::quantise {

/// *Lives on one thread*; its source outlives it.
class Draft {
 public:
  explicit Draft(const Source& source);

  const Source& source() const { return source_; }

  /// A name that nothing has yet: `stem`, or `stem` and a number.
  std::string make_name(std::string_view stem);

  /// A new node, before node `place` of the source and behind those that were put there earlier.
  void insert(std::size_t place, SecretBuffer node);
  /// Node `place` reads something else. Errors: Malformed.
  Result<void> reread(std::size_t place, std::size_t input, std::string_view name);
  /// The node as it is now.
  ByteView node(std::size_t place) const;
  void replace(std::size_t place, SecretBuffer node);
  /// The node goes; whoever takes its place makes what it made.
  void drop(std::size_t place);
  /// A new initializer, as a TensorProto with raw data.
  void add(SecretBuffer tensor);

  void set_opset(std::int64_t opset) { opset_ = opset; }
  std::int64_t opset() const { return opset_; }

  /// Takes out initializers, Constant and Identity nodes that something read before and nothing
  /// reads now. Errors: Malformed.
  Result<void> drop_unread();

  struct Change {
    std::vector<SecretBuffer> before;     ///< Nodes that were not there.
    std::optional<SecretBuffer> instead;  ///< Of what was there.
    bool dropped = false;
  };
  const Change& change(std::size_t place) const { return changes_[place]; }
  bool drops_initializer(std::size_t index) const { return dropped_initializers_[index]; }
  const std::vector<SecretBuffer>& new_tensors() const { return new_tensors_; }

 private:
  using Uses = std::unordered_map<std::string, std::size_t>;
  Result<Uses> count_uses() const;

  const Source& source_;
  std::vector<Change> changes_;
  std::vector<bool> dropped_initializers_;
  std::vector<SecretBuffer> new_tensors_;
  std::unordered_set<std::string> new_names_;
  std::int64_t opset_;
};

/// What a draft's file came to.
struct Stored {
  std::uint64_t bytes = 0;  ///< With external data.
  Path data;                ///< The file of external data beside it; empty if there is none.
};

/// Writes the model, all or nothing: external data to PATH.data where the source has some or the
/// file would have more than `max_file_bytes`, which protobuf bounds.
/// Errors: Unavailable (a full disk and the like); InvalidArgument if what must lie in the file
/// itself is larger.
Result<Stored> store(const Draft& draft, const Path& path,
                     std::uint64_t max_file_bytes = (std::uint64_t{1} << 31) - (1 << 16));

}  // namespace torchkeep::quantise
