#include <openssl/err.h>

#include <algorithm>

#include "torchkeep/base/encoding.h"
#include "torchkeep/base/text.h"
#include "torchkeep/crypto/internal/asn1.h"
#include "torchkeep/crypto/internal/signed_der.h"
#include "torchkeep/crypto/openssl.h"
#include "torchkeep/crypto/x509.h"

namespace torchkeep::crypto {
namespace {

using CrlHandle = Handle<X509_CRL, X509_CRL_free>;
constexpr std::string_view kPemBegin = "-----BEGIN X509 CRL-----";
constexpr std::string_view kPemEnd = "-----END X509 CRL-----";

// A PCCS answers with DER or with its hex; files hold PEM as well.
Result<Bytes> to_der_bytes(ByteView bytes) {
  if (!bytes.empty() && bytes[0] == 0x30 && (bytes.size() < 2 || bytes[1] >= 0x80)) {
    return to_bytes(bytes);
  }
  std::string text(as_text(bytes));
  std::erase_if(text, [](char c) { return c == '\n' || c == '\r' || c == '\t' || c == '\0'; });
  if (text.starts_with(kPemBegin) && text.ends_with(kPemEnd) &&
      text.size() > kPemBegin.size() + kPemEnd.size()) {
    return decode_base64(
        std::string_view(text).substr(kPemBegin.size(), text.size() - kPemBegin.size() - kPemEnd.size()));
  }
  return decode_hex(text);
}

}  // namespace

struct RevocationList::State {
  CrlHandle crl;
  Bytes der;
};

Result<RevocationList> RevocationList::parse(ByteView bytes) {
  auto der = to_der_bytes(bytes);
  if (!der) return malformed("certificate revocation list is no DER, PEM or hex");
  const unsigned char* next = der->data();
  CrlHandle crl{d2i_X509_CRL(nullptr, &next, static_cast<long>(der->size()))};
  if (crl == nullptr) return malformed("not a certificate revocation list");
  if (next != der->data() + der->size()) return malformed("bytes behind a certificate revocation list");
  // A critical extension narrows what the list is about (partitions, deltas); none is understood here.
  if (X509_CRL_get_ext_by_critical(crl.get(), 1, -1) >= 0) {
    return malformed("certificate revocation list with a critical extension");
  }
  if (!asn1::find_time(X509_CRL_get0_lastUpdate(crl.get()))) {
    return malformed("certificate revocation list with an unreadable date");
  }
  const ASN1_TIME* const next_update = X509_CRL_get0_nextUpdate(crl.get());
  if (next_update != nullptr && !asn1::find_time(next_update)) {
    return malformed("certificate revocation list with an unreadable date");
  }
  return RevocationList(std::make_shared<const State>(State{std::move(crl), std::move(*der)}));
}

Bytes RevocationList::issuer_name() const {
  return to_der<const X509_NAME>(X509_CRL_get_issuer(state_->crl.get()), i2d_X509_NAME);
}

TimePoint RevocationList::this_update() const {
  return *asn1::find_time(X509_CRL_get0_lastUpdate(state_->crl.get()));
}

std::optional<TimePoint> RevocationList::next_update() const {
  const ASN1_TIME* const time = X509_CRL_get0_nextUpdate(state_->crl.get());
  return time == nullptr ? std::nullopt : asn1::find_time(time);
}

bool RevocationList::lists(const Certificate& certificate) const {
  const Bytes serial = certificate.serial();
  const STACK_OF(X509_REVOKED)* const entries = X509_CRL_get_REVOKED(state_->crl.get());
  for (int i = 0; i < sk_X509_REVOKED_num(entries); ++i) {
    const X509_REVOKED* const entry = sk_X509_REVOKED_value(entries, i);
    if (asn1::unsigned_bytes(X509_REVOKED_get0_serialNumber(entry)) == serial) return true;
  }
  return false;
}

Result<void> RevocationList::verify_issued_by(const Certificate& issuer) const {
  if (issuer_name() != issuer.subject_name()) {
    return untrusted("revocation list is not of \"", issuer.subject(), "\"");
  }
  const auto not_signed = [&] {
    return untrusted("revocation list is not signed by \"", issuer.subject(), "\"");
  };
  const auto parts = find_signed_der(state_->der);
  if (!parts) return not_signed();
  if (is_ecdsa_with_sha256(parts->algorithm)) {
    const auto point = issuer.p256_point();
    if (!point || !verify_p256_der(*point, parts->signed_bytes, parts->signature)) return not_signed();
    return {};
  }
  EVP_PKEY* const key = X509_get0_pubkey(issuer.state().x509.get());
  ERR_set_mark();
  const bool verified = key != nullptr && X509_CRL_verify(state_->crl.get(), key) == 1;
  ERR_pop_to_mark();
  if (!verified) return not_signed();
  return {};
}

}  // namespace torchkeep::crypto
