#include <openssl/err.h>
#include <openssl/ssl.h>

#include "torchkeep/base/secret.h"
#include "torchkeep/base/text.h"
#include "torchkeep/channel/internal/tls_wire.h"
#include "torchkeep/channel/internal/transport.h"
#include "torchkeep/crypto/openssl.h"

namespace torchkeep::channel {
namespace {

constexpr std::size_t kSmallBytes = 17 * 1024;   // one TLS record
constexpr std::size_t kLargeBytes = 256 * 1024;  // what one system call moves of a large body
constexpr std::string_view kExporterLabel = "EXPORTER-Channel-Binding";  // RFC 9266

using SslHandle = crypto::Handle<SSL, SSL_free>;

// OpenSSL's queue belongs to the thread, and a coroutine may wake on another: read it at once.
std::string take_reason() {
  const unsigned long code = ERR_peek_last_error();
  const char* const reason = code == 0 ? nullptr : ERR_reason_error_string(code);
  std::string out = reason == nullptr ? "protocol error" : reason;
  ERR_clear_error();
  return out;
}

/// TLS over buffers of our own instead of OpenSSL's socket calls: one system call moves many
/// records, and answers leave as one piece.
class TlsTransport final : public Transport {
 public:
  TlsTransport(tcp::socket socket, const TlsMaterial& material, bool is_server)
      : Transport(std::move(socket)), ssl_(SSL_new(material.context.get())) {
    TORCHKEEP_CHECK(ssl_ != nullptr);
    BIO* const bio = make_bio(wire_);
    SSL_set_bio(ssl_.get(), bio, bio);
    is_server ? SSL_set_accept_state(ssl_.get()) : SSL_set_connect_state(ssl_.get());
    facts_.own_spki = material.own_spki;
    if (!material.web_host.empty()) expect_host(material.web_host);
  }

  asio::awaitable<Result<void>> handshake() override;
  asio::awaitable<Result<std::size_t>> read_some(MutableByteView out) override;
  asio::awaitable<Result<void>> write(ByteView head, ByteView body) override;
  asio::awaitable<void> finish() override;
  const TlsFacts* tls() const override { return established_ ? &facts_ : nullptr; }

 private:
  struct Step {
    int error;           // as SSL_get_error says
    std::string reason;  // only of SSL_ERROR_SSL
  };
  void expect_host(const std::string& host);
  Error handshake_fault(const Step& step) const;
  Step step_of(int outcome);
  Result<void> learn_facts();
  Result<void> encrypt(ByteView& left);
  std::size_t decrypt(MutableByteView out, Step& step);
  asio::awaitable<Result<void>> fill(std::size_t wanted);
  asio::awaitable<Result<void>> flush();

  TlsWire wire_;
  SslHandle ssl_;
  TlsFacts facts_;
  bool established_ = false;
  bool web_ = false;
};

void TlsTransport::expect_host(const std::string& host) {
  web_ = true;
  X509_VERIFY_PARAM* const rules = SSL_get0_param(ssl_.get());
  if (X509_VERIFY_PARAM_set1_ip_asc(rules, host.c_str()) == 1) return;
  ERR_clear_error();
  TORCHKEEP_CHECK(SSL_set1_host(ssl_.get(), host.c_str()) == 1);
  // As the macro SSL_set_tlsext_host_name spells it, but for its cast.
  std::string name = host;
  TORCHKEEP_CHECK(SSL_ctrl(ssl_.get(), SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
                           name.data()) == 1);
}

Error TlsTransport::handshake_fault(const Step& step) const {
  const long verdict = SSL_get_verify_result(ssl_.get());
  if (!web_ || verdict == X509_V_OK) return unavailable("TLS handshake: ", step.reason);
  return untrusted("its TLS certificate does not hold: ", X509_verify_cert_error_string(verdict),
                   "; if it has a CA of its own, name that with --pccs-ca FILE");
}

TlsTransport::Step TlsTransport::step_of(int outcome) {
  Step step{SSL_get_error(ssl_.get(), outcome), {}};
  if (step.error == SSL_ERROR_SSL) step.reason = take_reason();
  return step;
}

asio::awaitable<Result<void>> TlsTransport::fill(std::size_t wanted) {
  const std::size_t capacity = wanted > kSmallBytes * 2 ? kLargeBytes : kSmallBytes;
  if (wire_.capacity != capacity) {
    wire_.in = std::make_unique_for_overwrite<std::uint8_t[]>(capacity);
    wire_.capacity = capacity;
  }
  wire_.begin = wire_.end = 0;
  auto got = co_await receive({wire_.in.get(), wire_.capacity});
  if (!got) co_return std::move(got).error();
  wire_.end = *got;
  wire_.ended = *got == 0;
  co_return Result<void>();
}

asio::awaitable<Result<void>> TlsTransport::flush() {
  if (wire_.out.empty()) co_return Result<void>();
  auto sent = co_await send(wire_.out, {});
  wire_.out.clear();
  co_return sent;
}

asio::awaitable<Result<void>> TlsTransport::handshake() {
  bool first = true;
  for (;;) {
    ERR_clear_error();
    const int outcome = SSL_do_handshake(ssl_.get());
    const Step step = outcome == 1 ? Step{SSL_ERROR_NONE, {}} : step_of(outcome);
    auto flushed = co_await flush();
    if (step.error == SSL_ERROR_SSL) co_return handshake_fault(step);
    if (!flushed) co_return flushed;
    if (outcome == 1) break;
    if (step.error != SSL_ERROR_WANT_READ) {
      co_return unavailable("it was closed during the TLS handshake");
    }
    auto filled = co_await fill(0);
    if (!filled) co_return filled;
    // OpenSSL would send an alert to somebody who has left.
    if (wire_.ended) co_return unavailable("it was closed during the TLS handshake");
    if (first && !looks_like_tls({wire_.in.get(), wire_.end})) {
      co_return unavailable("the peer does not speak TLS");
    }
    first = false;
  }
  co_return learn_facts();
}

Result<void> TlsTransport::learn_facts() {
  if (SSL_session_reused(ssl_.get()) != 0) return unavailable("a resumed TLS session");
  if (!web_ && SSL_version(ssl_.get()) != TLS1_3_VERSION) return unavailable("not TLS 1.3");
  const X509* const peer = SSL_get0_peer_certificate(ssl_.get());
  if (peer != nullptr) {
    const Bytes der = crypto::to_der(peer, i2d_X509);
    facts_.peer_certificate = TRY(crypto::Certificate::from_der(der).context("peer certificate"));
    facts_.peer_spki = facts_.peer_certificate->public_key_info();
  }
  TORCHKEEP_CHECK(SSL_export_keying_material(ssl_.get(), facts_.exporter.data(),
                                             facts_.exporter.size(), kExporterLabel.data(),
                                             kExporterLabel.size(), nullptr, 0, 0) == 1);
  established_ = true;
  return {};
}

// As much as the received records hold, up to the size of `out`.
std::size_t TlsTransport::decrypt(MutableByteView out, Step& step) {
  std::size_t total = 0;
  while (total < out.size()) {
    ERR_clear_error();
    std::size_t got = 0;
    const int outcome = SSL_read_ex(ssl_.get(), out.data() + total, out.size() - total, &got);
    if (outcome != 1) {
      step = step_of(outcome);
      break;
    }
    total += got;
  }
  return total;
}

asio::awaitable<Result<std::size_t>> TlsTransport::read_some(MutableByteView out) {
  for (;;) {
    Step step{SSL_ERROR_NONE, {}};
    const std::size_t got = decrypt(out, step);
    if (got > 0) co_return got;
    if (step.error == SSL_ERROR_ZERO_RETURN) co_return std::size_t{0};
    if (step.error == SSL_ERROR_SSL && !wire_.ended) co_return unavailable("TLS: ", step.reason);
    // Without the close notice an attacker may have cut the stream.
    if (wire_.ended || step.error != SSL_ERROR_WANT_READ) {
      co_return unavailable("it broke off without TLS's close notice");
    }
    auto flushed = co_await flush();
    if (!flushed) co_return std::move(flushed).error();
    auto filled = co_await fill(out.size());
    if (!filled) co_return std::move(filled).error();
  }
}

// Takes from the front of `left` until a large send is ready.
Result<void> TlsTransport::encrypt(ByteView& left) {
  while (!left.empty() && wire_.out.size() < kLargeBytes) {
    ERR_clear_error();
    std::size_t put = 0;
    const std::size_t size = std::min(left.size(), kLargeBytes);
    if (SSL_write_ex(ssl_.get(), left.data(), size, &put) != 1) {
      return unavailable("TLS: ", take_reason());
    }
    left = left.subspan(put);
  }
  return {};
}

asio::awaitable<Result<void>> TlsTransport::write(ByteView head, ByteView body) {
  wire_.out.reserve(std::min(head.size() + body.size(), kLargeBytes) + kSmallBytes);
  ByteView parts[] = {head, body};
  for (ByteView& left : parts) {
    while (!left.empty()) {
      auto encrypted = encrypt(left);
      if (!encrypted) co_return encrypted;
      if (wire_.out.size() < kLargeBytes) continue;
      auto sent = co_await flush();
      if (!sent) co_return sent;
    }
  }
  auto sent = co_await flush();
  if (wire_.out.capacity() > 4 * kSmallBytes) wire_.out = Bytes();
  co_return sent;
}

asio::awaitable<void> TlsTransport::finish() {
  if (established_) {
    ERR_clear_error();
    SSL_shutdown(ssl_.get());
    ERR_clear_error();
    auto sent = co_await flush();
    if (!sent) co_return;
  }
  boost::system::error_code ignored;
  socket().shutdown(tcp::socket::shutdown_send, ignored);
}

}  // namespace

std::unique_ptr<Transport> make_tls_transport(tcp::socket socket, const TlsMaterial& material,
                                              bool is_server) {
  return std::make_unique<TlsTransport>(std::move(socket), material, is_server);
}

}  // namespace torchkeep::channel
