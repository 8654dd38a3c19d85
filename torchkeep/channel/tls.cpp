#include "torchkeep/channel/tls.h"

#include <openssl/ssl.h>

#include "torchkeep/base/text.h"
#include "torchkeep/channel/internal/tls_context.h"
#include "torchkeep/crypto/openssl.h"
#include "torchkeep/crypto/random.h"

namespace torchkeep::channel {
namespace {

// X25519 first: the fastest of the three, and every TLS 1.3 client has it.
constexpr const char* kGroups = "X25519:P-256:P-384";
constexpr const char* kCiphersuites =
    "TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256";
constexpr const char* kSignatures =
    "ecdsa_secp256r1_sha256:ecdsa_secp384r1_sha384:ed25519:"
    "rsa_pss_rsae_sha256:rsa_pss_rsae_sha384:rsa_pss_rsae_sha512";

// TLS proves possession of the key; whose key it is, attestation tells.
int accept_any_certificate(X509_STORE_CTX*, void*) { return 1; }

std::shared_ptr<SSL_CTX> make_context(const SSL_METHOD* method) {
  std::shared_ptr<SSL_CTX> context(SSL_CTX_new(method), SSL_CTX_free);
  SSL_CTX* const raw = context.get();
  TORCHKEEP_CHECK(raw != nullptr);
  TORCHKEEP_CHECK(SSL_CTX_set_min_proto_version(raw, TLS1_3_VERSION) == 1);
  TORCHKEEP_CHECK(SSL_CTX_set_max_proto_version(raw, TLS1_3_VERSION) == 1);
  TORCHKEEP_CHECK(SSL_CTX_set_ciphersuites(raw, kCiphersuites) == 1);
  TORCHKEEP_CHECK(SSL_CTX_set1_groups_list(raw, kGroups) == 1);
  TORCHKEEP_CHECK(SSL_CTX_set1_sigalgs_list(raw, kSignatures) == 1);
  // A resumed session would carry evidence of another connection: there are no tickets, no cache
  // and no early data.
  SSL_CTX_set_session_cache_mode(raw, SSL_SESS_CACHE_OFF);
  TORCHKEEP_CHECK(SSL_CTX_set_num_tickets(raw, 0) == 1);
  TORCHKEEP_CHECK(SSL_CTX_set_max_early_data(raw, 0) == 1);
  SSL_CTX_set_options(raw, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                               SSL_OP_CLEANSE_PLAINTEXT);
  // Asks for a certificate and takes any; a client without one is served too.
  SSL_CTX_set_verify(raw, SSL_VERIFY_PEER, nullptr);
  SSL_CTX_set_cert_verify_callback(raw, accept_any_certificate, nullptr);
  return context;
}

Result<TlsMaterial> make_material(const SSL_METHOD* method, const crypto::EcdsaPrivateKey& key,
                                  const crypto::Certificate& certificate) {
  TlsMaterial material{make_context(method), certificate.public_key_info(), {}};
  if (!equal(material.own_spki, key.public_key_info())) {
    return invalid_argument("the TLS certificate is not for the private key beside it");
  }
  SSL_CTX* const raw = material.context.get();
  if (SSL_CTX_use_certificate(raw, certificate.state().x509.get()) != 1 ||
      SSL_CTX_use_PrivateKey(raw, key.state().pkey.get()) != 1) {
    return invalid_argument("TLS does not take this certificate");
  }
  return material;
}

// A server that is told by its certificate, as everywhere on the web.
std::shared_ptr<SSL_CTX> make_web_context() {
  std::shared_ptr<SSL_CTX> context(SSL_CTX_new(TLS_client_method()), SSL_CTX_free);
  SSL_CTX* const raw = context.get();
  TORCHKEEP_CHECK(raw != nullptr);
  TORCHKEEP_CHECK(SSL_CTX_set_min_proto_version(raw, TLS1_2_VERSION) == 1);
  TORCHKEEP_CHECK(SSL_CTX_set_ciphersuites(raw, kCiphersuites) == 1);
  TORCHKEEP_CHECK(SSL_CTX_set_cipher_list(raw, "ECDHE+AESGCM:ECDHE+CHACHA20") == 1);
  TORCHKEEP_CHECK(SSL_CTX_set1_groups_list(raw, kGroups) == 1);
  SSL_CTX_set_session_cache_mode(raw, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_options(raw, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  SSL_CTX_set_verify(raw, SSL_VERIFY_PEER, nullptr);
  return context;
}

Result<void> trust(SSL_CTX* context, ByteView pem) {
  if (pem.empty()) {
    if (SSL_CTX_set_default_verify_paths(context) == 1) return {};
    return unavailable("this system has no list of CAs; name the PCCS's own with --pccs-ca FILE");
  }
  X509_STORE* const store = SSL_CTX_get_cert_store(context);
  for (const crypto::Certificate& certificate : TRY(crypto::parse_pem_chain(pem))) {
    TORCHKEEP_CHECK(X509_STORE_add_cert(store, certificate.state().x509.get()) == 1);
  }
  // What is pinned need not be a root: it may be the server's own certificate.
  X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN);
  return {};
}

// No clock is at hand and nobody judges these dates; the key dies with the process.
crypto::Certificate self_signed(const crypto::EcdsaPrivateKey& key) {
  crypto::SystemRandom random;
  ByteArray<16> serial = random.array<16>();
  serial[0] = static_cast<std::uint8_t>((serial[0] & 0x7f) | 0x40);
  return crypto::issue_certificate({.common_name = "torchkeep client",
                                    .public_key_info = key.public_key_info(),
                                    .serial = to_bytes(serial),
                                    .not_before = parse_rfc3339("2020-01-01T00:00:00Z").value(),
                                    .not_after = parse_rfc3339("2200-01-01T00:00:00Z").value()},
                                   nullptr, key);
}

}  // namespace

TlsServerContext::TlsServerContext(std::unique_ptr<State> state) : state_(std::move(state)) {}
TlsServerContext::~TlsServerContext() = default;

Result<std::shared_ptr<TlsServerContext>> TlsServerContext::create(
    const crypto::EcdsaPrivateKey& key, const crypto::Certificate& certificate) {
  TlsMaterial material = TRY(make_material(TLS_server_method(), key, certificate));
  return std::make_shared<TlsServerContext>(std::make_unique<State>(State{std::move(material)}));
}

TlsClientContext::TlsClientContext(std::unique_ptr<State> state) : state_(std::move(state)) {}
TlsClientContext::~TlsClientContext() = default;

Result<std::shared_ptr<TlsClientContext>> TlsClientContext::create() {
  const auto key = crypto::EcdsaPrivateKey::generate();
  TlsMaterial material = TRY(make_material(TLS_client_method(), key, self_signed(key)));
  return std::make_shared<TlsClientContext>(std::make_unique<State>(State{std::move(material)}));
}

Result<std::shared_ptr<TlsClientContext>> TlsClientContext::create_for_web(const std::string& host,
                                                                           ByteView trusted_pem) {
  TlsMaterial material{make_web_context(), {}, host};
  TRY(trust(material.context.get(), trusted_pem));
  return std::make_shared<TlsClientContext>(std::make_unique<State>(State{std::move(material)}));
}

}  // namespace torchkeep::channel
