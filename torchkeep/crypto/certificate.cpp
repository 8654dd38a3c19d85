#include <openssl/err.h>
#include <openssl/provider.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <ctime>

#include "torchkeep/base/encoding.h"
#include "torchkeep/base/text.h"
#include "torchkeep/crypto/internal/asn1.h"
#include "torchkeep/crypto/internal/signed_der.h"
#include "torchkeep/crypto/openssl.h"
#include "torchkeep/crypto/x509.h"

namespace torchkeep::crypto {
namespace {

constexpr std::size_t kMaxChain = 8;
constexpr std::size_t kMaxCertificateBytes = 64 * 1024;
constexpr std::string_view kPemBegin = "-----BEGIN CERTIFICATE-----";
constexpr std::string_view kPemEnd = "-----END CERTIFICATE-----";

// SubjectPublicKeyInfo of an uncompressed point, up to x (RFC 5480).
constexpr ByteArray<27> kP256Prefix = {0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48,
                                       0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48,
                                       0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00, 0x04};
constexpr ByteArray<24> kP384Prefix = {0x30, 0x76, 0x30, 0x10, 0x06, 0x07, 0x2a, 0x86,
                                       0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x05, 0x2b,
                                       0x81, 0x04, 0x00, 0x22, 0x03, 0x62, 0x00, 0x04};

const X509* of(const Certificate& certificate) { return certificate.state().fields.get(); }

/// A place without algorithms, where OpenSSL parses a certificate but leaves its public key alone.
OSSL_LIB_CTX* keyless() {
  static OSSL_LIB_CTX* const context = [] {
    OSSL_LIB_CTX* const made = OSSL_LIB_CTX_new();
    TORCHKEEP_CHECK(made != nullptr && OSSL_PROVIDER_load(made, "null") != nullptr);
    return made;
  }();
  return context;
}

/// Null if it is no certificate; `next` is moved behind it.
X509Handle find_x509(OSSL_LIB_CTX* context, const unsigned char** next, std::size_t size) {
  X509* x509 = X509_new_ex(context, nullptr);
  TORCHKEEP_CHECK(x509 != nullptr);
  ERR_set_mark();
  if (d2i_X509(&x509, next, static_cast<long>(size)) != nullptr) X509_get_extension_flags(x509);
  ERR_pop_to_mark();
  return X509Handle{x509};  // freed and nulled by OpenSSL if it is none
}

// OpenSSL caches what it learns of a certificate inside it; done once, at parsing, so that the
// certificate is only read from then on.
std::uint32_t flags_of(const Certificate& certificate) {
  return X509_get_extension_flags(certificate.state().fields.get());
}

Bytes key_info_of(const X509* x509) {
  return to_der<const X509_PUBKEY>(X509_get_X509_PUBKEY(x509), i2d_X509_PUBKEY);
}

std::string_view skip_blank(std::string_view text) {
  const auto start = text.find_first_not_of(" \t\r\n");
  return start == text.npos ? std::string_view() : text.substr(start);
}

}  // namespace

Certificate::State::State(X509Handle parsed, Bytes bytes)
    : fields(std::move(parsed)), der(std::move(bytes)) {
  const Bytes info = key_info_of(fields.get());
  if (info.size() != kP256Prefix.size() + 64 ||
      !equal(ByteView(info).first(kP256Prefix.size()), kP256Prefix)) {
    return;
  }
  const auto point = to_array<64>(ByteView(info).subspan(kP256Prefix.size())).value();
  if (is_p256_point(point)) p256 = point;
}

Result<Certificate> Certificate::from_der(ByteView der) {
  if (der.size() > kMaxCertificateBytes) return malformed("certificate is larger than 64 KiB");
  const unsigned char* next = der.data();
  X509Handle x509 = find_x509(keyless(), &next, der.size());
  if (x509 == nullptr || !find_signed_der(der)) return malformed("not an X.509 certificate");
  if (next != der.data() + der.size()) return malformed("bytes behind a certificate");
  if ((X509_get_extension_flags(x509.get()) & EXFLAG_INVALID) != 0) {
    return malformed("certificate with invalid extensions");
  }
  if (!asn1::find_time(X509_get0_notBefore(x509.get())) ||
      !asn1::find_time(X509_get0_notAfter(x509.get()))) {
    return malformed("certificate with an unreadable validity");
  }
  return Certificate(std::make_shared<State>(std::move(x509), to_bytes(der)));
}

const Bytes& Certificate::der() const { return state_->der; }

std::string Certificate::subject() const {
  return asn1::text_of(X509_get_subject_name(of(*this)));
}

std::string Certificate::common_name() const {
  X509_NAME* const name = X509_get_subject_name(of(*this));
  const int index = X509_NAME_get_index_by_NID(name, NID_commonName, -1);
  if (index < 0) return {};
  const ASN1_STRING* const value = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, index));
  unsigned char* utf8 = nullptr;
  const int size = ASN1_STRING_to_UTF8(&utf8, value);
  if (size < 0) return {};
  std::string out(as_text({utf8, static_cast<std::size_t>(size)}));
  OPENSSL_free(utf8);
  return out;
}

Bytes Certificate::subject_name() const {
  return to_der<const X509_NAME>(X509_get_subject_name(of(*this)), i2d_X509_NAME);
}

Bytes Certificate::issuer_name() const {
  return to_der<const X509_NAME>(X509_get_issuer_name(of(*this)), i2d_X509_NAME);
}

Bytes Certificate::serial() const { return asn1::unsigned_bytes(X509_get0_serialNumber(of(*this))); }

Bytes Certificate::public_key_info() const {
  return key_info_of(of(*this));
}

Result<ByteArray<64>> Certificate::p256_point() const {
  if (!state_->p256) return malformed("not a P-256 key, or not a point of its curve");
  return *state_->p256;
}

Result<ByteArray<96>> Certificate::p384_point() const {
  const Bytes info = public_key_info();
  if (info.size() != kP384Prefix.size() + 96 ||
      !equal(ByteView(info).first(kP384Prefix.size()), kP384Prefix)) {
    return malformed("not a P-384 key");
  }
  return to_array<96>(ByteView(info).subspan(kP384Prefix.size()));
}

bool Certificate::is_signed_with_rsa_pss() const {
  const auto parts = find_signed_der(state_->der);
  return parts && is_rsa_pss_with_sha384(parts->algorithm);
}

TimePoint Certificate::not_before() const { return *asn1::find_time(X509_get0_notBefore(of(*this))); }
TimePoint Certificate::not_after() const { return *asn1::find_time(X509_get0_notAfter(of(*this))); }

bool Certificate::is_ca() const {
  const std::uint32_t flags = flags_of(*this);
  if ((flags & EXFLAG_CA) == 0) return false;
  return (flags & EXFLAG_KUSAGE) == 0 ||
         (X509_get_key_usage(state_->fields.get()) & KU_KEY_CERT_SIGN) != 0;
}

std::optional<long> Certificate::path_length() const {
  const long length = X509_get_pathlen(state_->fields.get());
  return length < 0 ? std::nullopt : std::optional(length);
}

bool Certificate::has_unknown_critical_extension() const {
  return (flags_of(*this) & EXFLAG_CRITICAL) != 0;
}

std::vector<Bytes> Certificate::extensions(const std::string& oid) const {
  std::vector<Bytes> found;
  const Handle<ASN1_OBJECT, ASN1_OBJECT_free> wanted{OBJ_txt2obj(oid.c_str(), 1)};
  TORCHKEEP_CHECK(wanted != nullptr);
  for (int at = X509_get_ext_by_OBJ(of(*this), wanted.get(), -1); at >= 0;
       at = X509_get_ext_by_OBJ(of(*this), wanted.get(), at)) {
    const ASN1_OCTET_STRING* const value = X509_EXTENSION_get_data(X509_get_ext(of(*this), at));
    found.push_back(asn1::bytes_of(value));
  }
  return found;
}

Result<void> Certificate::verify_issued_by(const Certificate& issuer) const {
  if (issuer_name() != issuer.subject_name()) {
    return untrusted("certificate \"", subject(), "\" names another issuer than \"", issuer.subject(), "\"");
  }
  const auto not_signed = [&] {
    return untrusted("certificate \"", subject(), "\" is not signed by \"", issuer.subject(), "\"");
  };
  const auto parts = find_signed_der(der());
  if (parts && is_ecdsa_with_sha256(parts->algorithm)) {
    const auto point = issuer.p256_point();
    if (!point || !verify_p256_der(*point, parts->signed_bytes, parts->signature)) return not_signed();
    return {};
  }
  // `X509_verify` also refuses a certificate whose two signature algorithms differ.
  EVP_PKEY* const key = X509_get0_pubkey(issuer.state().x509.get());
  ERR_set_mark();
  const bool verified = key != nullptr && X509_verify(state_->x509.get(), key) == 1;
  ERR_pop_to_mark();
  if (!verified) return not_signed();
  return {};
}

X509* FullX509::get() const {
  std::call_once(once_, [this] {
    const unsigned char* next = der_.data();
    x509_ = find_x509(nullptr, &next, der_.size());
    TORCHKEEP_CHECK(x509_ != nullptr);
  });
  return x509_.get();
}

Result<std::vector<Certificate>> parse_pem_chain(ByteView pem) { return parse_pem_chain(pem, {}); }

Result<std::vector<Certificate>> parse_pem_chain(ByteView pem,
                                                 const std::vector<Certificate>& known) {
  while (!pem.empty() && pem.back() == 0) pem = pem.first(pem.size() - 1);
  std::vector<Certificate> chain;
  for (std::string_view left = skip_blank(as_text(pem)); !left.empty(); left = skip_blank(left)) {
    if (!left.starts_with(kPemBegin)) return malformed("text between the certificates of a PEM chain");
    if (chain.size() == kMaxChain) return malformed("more than ", kMaxChain, " certificates in a chain");
    left.remove_prefix(kPemBegin.size());
    const auto end = left.find(kPemEnd);
    if (end == left.npos) return malformed("PEM certificate without an end");
    std::string base64(left.substr(0, end));
    std::erase_if(base64, [](char c) { return c == '\n' || c == '\r' || c == ' ' || c == '\t'; });
    left.remove_prefix(end + kPemEnd.size());
    const Bytes der = TRY(decode_base64(base64).context("PEM certificate"));
    const auto same = std::find_if(known.begin(), known.end(),
                                   [&](const Certificate& one) { return one.der() == der; });
    chain.push_back(same == known.end() ? TRY(Certificate::from_der(der)) : *same);
  }
  if (chain.empty()) return malformed("no certificate in a PEM chain");
  return chain;
}

std::string encode_pem(const std::vector<Certificate>& chain) {
  constexpr std::size_t kLine = 64;
  std::string out;
  for (const Certificate& certificate : chain) {
    const std::string base64 = encode_base64(certificate.der());
    out.append(kPemBegin).append("\n");
    for (std::size_t at = 0; at < base64.size(); at += kLine) {
      out.append(base64, at, kLine).append("\n");
    }
    out.append(kPemEnd).append("\n");
  }
  return out;
}

}  // namespace torchkeep::crypto
