#pragma once

#include <optional>

#include <boost/asio/awaitable.hpp>

#include "torchkeep/channel/http.h"
#include "torchkeep/channel/internal/transport.h"

namespace torchkeep::channel {

/// One HTTP/1.1 message as it came in.
struct HttpMessage {
  std::string method;   ///< Of a request.
  std::string target;   ///< Of a request.
  unsigned status = 0;  ///< Of a response.
  HttpHeaders headers;
  SecretBuffer body;
  bool keep_alive = false;
};

/// Reads messages from a transport, one after the other. What a sender may decide is limited: the
/// head to 16 KiB and 100 fields, the body to what we were told. *Lives on one strand.*
/// Source: RFC 9112; what may be read two ways (smuggling) is refused.
class MessageReader {
 public:
  /// `transport` outlives it.
  MessageReader(Transport& transport, std::size_t max_body_bytes);

  /// nullopt once the peer has ended properly between two messages.
  /// Errors: Malformed, see `refusal_status`; Unavailable if the connection breaks.
  asio::awaitable<Result<std::optional<HttpMessage>>> read_request();
  /// `of_head`: the answer to HEAD has no body. Errors: as above; Unavailable also if the peer
  /// ends.
  asio::awaitable<Result<HttpMessage>> read_response(bool of_head);

  /// After Malformed: which status tells the sender of a request what was wrong with it.
  unsigned refusal_status() const { return refusal_status_; }
  /// True while no byte of the next message has come.
  bool idle() const { return idle_; }

 private:
  template <bool kRequest>
  class Sink;
  template <bool kRequest>
  asio::awaitable<Result<std::optional<HttpMessage>>> read(bool skip_body);
  template <bool kRequest>
  asio::awaitable<Result<bool>> read_head(Sink<kRequest>& sink);
  template <bool kRequest>
  asio::awaitable<Result<void>> read_body(Sink<kRequest>& sink);
  asio::awaitable<Result<void>> read_sized_body(SecretBuffer& body, std::size_t size);

  /// More bytes behind those that wait. Errors: Malformed if the buffer is full.
  asio::awaitable<Result<std::size_t>> fill();
  ByteView waiting() const { return ByteView(buffer_).subspan(begin_, end_ - begin_); }
  void consume(std::size_t size) { begin_ += size; }
  void skip_empty_lines();
  Error refuse(unsigned status, std::string message);

  Transport& transport_;
  std::size_t max_body_bytes_;
  SecretBuffer buffer_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  unsigned refusal_status_ = 0;
  bool idle_ = true;
};

}  // namespace torchkeep::channel
