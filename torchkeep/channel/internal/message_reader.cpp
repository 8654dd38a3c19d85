#include "torchkeep/channel/internal/message_reader.h"

#include <boost/beast/core/string.hpp>
#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/error.hpp>

#include "torchkeep/base/text.h"

namespace torchkeep::channel {
namespace {

namespace beast = boost::beast;
namespace http = boost::beast::http;
using beast::string_view;

constexpr std::size_t kHeadBytes = 16 * 1024;
constexpr std::size_t kBufferBytes = 2 * kHeadBytes;
constexpr std::size_t kMaxFields = 100;
constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";

std::string lower_case(string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + ('a' - 'A'));
  }
  return out;
}

}  // namespace

/// Beast tells it what it reads; it keeps that, and refuses what Beast lets pass.
template <bool kRequest>
class MessageReader::Sink final : public http::basic_parser<kRequest> {
 public:
  HttpMessage message;
  bool expects_continue = false;
  unsigned fault_status = 0;  // set together with an error
  std::string fault;

 private:
  using Code = beast::error_code;

  void fail(unsigned status, std::string why, Code& code) {
    fault_status = status;
    fault = std::move(why);
    code = http::error::bad_value;
  }
  void on_request_impl(http::verb, string_view method, string_view target, int version,
                       Code&) override {
    message.method = std::string(method);
    message.target = std::string(target);
    version_ = version;
  }
  void on_response_impl(int status, string_view, int version, Code&) override {
    message.status = static_cast<unsigned>(status);
    version_ = version;
  }
  void on_field_impl(http::field field, string_view name, string_view value, Code& code) override {
    if (this->is_header_done()) return;  // trailers are nobody's headers
    if (message.headers.size() == kMaxFields) {
      return fail(431, text("more than ", kMaxFields, " header fields"), code);
    }
    if (field == http::field::transfer_encoding &&
        (version_ < 11 || !beast::iequals(value, "chunked"))) {
      return fail(501, "no transfer encoding but \"chunked\" is understood", code);
    }
    if (field == http::field::host) ++hosts_;
    if (field == http::field::expect && version_ >= 11) {
      if (!beast::iequals(value, "100-continue")) {
        return fail(417, "no expectation but \"100-continue\" is understood", code);
      }
      expects_continue = true;
    }
    message.headers.emplace_back(lower_case(name), std::string(value));
  }
  void on_header_impl(Code& code) override {
    if (kRequest && (hosts_ > 1 || (hosts_ == 0 && version_ >= 11))) {
      return fail(400, "a request names its host exactly once", code);
    }
    message.keep_alive = this->keep_alive();
  }
  void on_body_init_impl(const boost::optional<std::uint64_t>&, Code&) override {}
  std::size_t on_body_impl(string_view piece, Code& code) override { return keep(piece, code); }
  void on_chunk_header_impl(std::uint64_t, string_view, Code&) override {}
  std::size_t on_chunk_body_impl(std::uint64_t, string_view piece, Code& code) override {
    return keep(piece, code);
  }
  void on_finish_impl(Code&) override {}

  std::size_t keep(string_view piece, Code&) {
    append(message.body, as_bytes({piece.data(), piece.size()}));
    return piece.size();
  }

  int version_ = 0;
  unsigned hosts_ = 0;
};

MessageReader::MessageReader(Transport& transport, std::size_t max_body_bytes)
    : transport_(transport), max_body_bytes_(max_body_bytes), buffer_(kBufferBytes) {}

Error MessageReader::refuse(unsigned status, std::string message) {
  refusal_status_ = status;
  return malformed(message);
}

asio::awaitable<Result<std::size_t>> MessageReader::fill() {
  if (begin_ == end_) begin_ = end_ = 0;
  if (end_ == buffer_.size() && begin_ > 0) {
    std::copy(buffer_.begin() + static_cast<std::ptrdiff_t>(begin_), buffer_.end(),
              buffer_.begin());
    end_ -= begin_;
    begin_ = 0;
  }
  if (end_ == buffer_.size()) co_return refuse(431, "a header or chunk line is too long");
  auto got = co_await transport_.read_some(MutableByteView(buffer_).subspan(end_));
  if (got) end_ += *got;
  co_return got;
}

// RFC 9112 section 2.2: at least one empty line before a request is to be ignored.
void MessageReader::skip_empty_lines() {
  while (end_ - begin_ >= 2 && buffer_[begin_] == '\r' && buffer_[begin_ + 1] == '\n') begin_ += 2;
}

// False if the peer ended before the first byte.
template <bool kRequest>
asio::awaitable<Result<bool>> MessageReader::read_head(Sink<kRequest>& sink) {
  while (!sink.is_header_done()) {
    if (kRequest && !sink.got_some()) skip_empty_lines();
    beast::error_code code = http::error::need_more;
    if (begin_ < end_) consume(sink.put(asio::buffer(waiting().data(), waiting().size()), code));
    if (code == http::error::need_more) {
      auto got = co_await fill();
      if (!got) co_return std::move(got).error();
      if (*got == 0 && idle_) co_return false;
      if (*got == 0) co_return unavailable("it ended in the middle of a header");
      if (idle_) transport_.activity().wait_for_peer();  // a whole head within one limit
      idle_ = false;
    } else if (sink.fault_status != 0) {
      co_return refuse(sink.fault_status, std::move(sink.fault));
    } else if (code == http::error::body_limit) {
      co_return refuse(413, text("the body is larger than ", max_body_bytes_, " bytes"));
    } else if (code == http::error::header_limit) {
      co_return refuse(431, text("the header is larger than ", kHeadBytes, " bytes"));
    } else if (code && looks_like_tls(waiting())) {
      co_return refuse(400, "the peer speaks TLS, this port does not");
    } else if (code) {
      co_return refuse(400, text("not HTTP/1.1: ", code.message()));
    }
  }
  co_return true;
}

asio::awaitable<Result<void>> MessageReader::read_sized_body(SecretBuffer& body, std::size_t size) {
  body.resize(size);
  const std::size_t here = std::min(size, end_ - begin_);
  std::copy_n(buffer_.begin() + static_cast<std::ptrdiff_t>(begin_), here, body.begin());
  consume(here);
  MutableByteView left = MutableByteView(body).subspan(here);
  while (!left.empty()) {
    auto got = co_await transport_.read_some(left);
    if (!got) co_return std::move(got).error();
    if (*got == 0) co_return unavailable("it ended in the middle of a body");
    left = left.subspan(*got);
  }
  co_return Result<void>();
}

template <bool kRequest>
asio::awaitable<Result<void>> MessageReader::read_body(Sink<kRequest>& sink) {
  if (sink.is_done()) co_return Result<void>();
  if (sink.expects_continue && begin_ == end_) {
    auto sent = co_await transport_.write(as_bytes(kContinue), {});
    if (!sent) co_return sent;
  }
  if (const auto size = sink.content_length()) {
    co_return co_await read_sized_body(sink.message.body, static_cast<std::size_t>(*size));
  }
  while (!sink.is_done()) {
    beast::error_code code = http::error::need_more;
    if (begin_ < end_) consume(sink.put(asio::buffer(waiting().data(), waiting().size()), code));
    if (code == http::error::body_limit) {
      co_return refuse(413, text("the body is larger than ", max_body_bytes_, " bytes"));
    }
    if (code && code != http::error::need_more) {
      co_return refuse(400, text("not HTTP/1.1: ", code.message()));
    }
    if (sink.is_done() || (!code && begin_ < end_)) continue;
    auto got = co_await fill();
    if (!got) co_return std::move(got).error();
    if (*got > 0) continue;
    sink.put_eof(code);  // only a response without a length may end so
    if (code) co_return unavailable("it ended in the middle of a body");
  }
  co_return Result<void>();
}

template <bool kRequest>
asio::awaitable<Result<std::optional<HttpMessage>>> MessageReader::read(bool skip_body) {
  Sink<kRequest> sink;
  sink.header_limit(kHeadBytes);
  sink.body_limit(max_body_bytes_);
  sink.skip(skip_body);
  idle_ = begin_ == end_;
  auto started = co_await read_head(sink);
  if (!started) co_return std::move(started).error();
  if (!*started) co_return std::optional<HttpMessage>();
  auto whole = co_await read_body(sink);
  if (!whole) co_return std::move(whole).error();
  co_return std::optional<HttpMessage>(std::move(sink.message));
}

asio::awaitable<Result<std::optional<HttpMessage>>> MessageReader::read_request() {
  return read<true>(false);
}

asio::awaitable<Result<HttpMessage>> MessageReader::read_response(bool of_head) {
  for (;;) {
    auto message = co_await read<false>(of_head);
    if (!message) co_return std::move(message).error();
    if (!*message) co_return unavailable("it was closed before an answer came");
    if ((*message)->status >= 200) co_return std::move(**message);
  }
}

}  // namespace torchkeep::channel
