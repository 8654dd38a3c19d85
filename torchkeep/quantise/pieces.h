#pragma once

#include "torchkeep/base/file.h"
#include "torchkeep/runtime/graph/wire.h"

/// Large messages without large copies.
namespace torchkeep::quantise {

/// A message that is put together from bytes that lie elsewhere and small ones of its own.
class Pieces {
 public:
  void view(ByteView bytes) {
    bytes_ += bytes.size();
    pieces_.push_back({bytes, {}});
  }
  void own(SecretBuffer bytes) {
    bytes_ += bytes.size();
    pieces_.push_back({{}, std::move(bytes)});
  }
  /// A field of bytes that lie elsewhere.
  void field(std::uint32_t number, ByteView message) {
    SecretBuffer head;
    runtime::wire::append_varint(head, std::uint64_t{number} << 3 | 2);
    runtime::wire::append_varint(head, message.size());
    own(std::move(head));
    view(message);
  }
  std::uint64_t bytes() const { return bytes_; }
  template <typename F>
  Result<void> visit(const F& visitor) const {
    for (const Piece& piece : pieces_)
      TRY(visitor(piece.owned.empty() ? piece.bytes : ByteView(piece.owned)));
    return {};
  }

 private:
  struct Piece {
    ByteView bytes;
    SecretBuffer owned;
  };
  std::vector<Piece> pieces_;
  std::uint64_t bytes_ = 0;
};

/// Gathers small writes to a file.
class Gathered {
  static constexpr std::size_t kBufferBytes = std::size_t{1} << 20;

 public:
  explicit Gathered(FileSink& sink) : sink_(sink) { buffer_.reserve(kBufferBytes); }
  Result<void> write(ByteView bytes) {
    const bool large = bytes.size() > kBufferBytes / 2;
    if (large || buffer_.size() + bytes.size() > kBufferBytes) TRY(flush());
    if (large) return sink_.write(bytes);
    append(buffer_, bytes);
    return {};
  }
  Result<void> flush() {
    TRY(sink_.write(buffer_));
    buffer_.clear();
    return {};
  }

 private:
  FileSink& sink_;
  SecretBuffer buffer_;
};

}  // namespace torchkeep::quantise
