#include <openssl/x509v3.h>

#include "torchkeep/crypto/internal/asn1.h"
#include "torchkeep/crypto/openssl.h"
#include "torchkeep/crypto/x509.h"

namespace torchkeep::crypto {
namespace {

using ExtensionHandle = Handle<X509_EXTENSION, X509_EXTENSION_free>;
using TimeHandle = Handle<ASN1_TIME, ASN1_TIME_free>;
using IntegerHandle = Handle<ASN1_INTEGER, ASN1_INTEGER_free>;

TimeHandle make_time(TimePoint time) {
  TimeHandle out{ASN1_TIME_set(nullptr, std::chrono::system_clock::to_time_t(time))};
  TORCHKEEP_CHECK(out != nullptr);
  return out;
}

IntegerHandle make_integer(ByteView big_endian) {
  const Handle<BIGNUM, BN_free> number{
      BN_bin2bn(big_endian.data(), static_cast<int>(big_endian.size()), nullptr)};
  IntegerHandle out{BN_to_ASN1_INTEGER(number.get(), nullptr)};
  TORCHKEEP_CHECK(out != nullptr);
  return out;
}

void add(X509* certificate, ExtensionHandle extension) {
  TORCHKEEP_CHECK(extension != nullptr);
  TORCHKEEP_CHECK(X509_add_ext(certificate, extension.get(), -1) == 1);
}

ExtensionHandle standard_extension(int nid, const std::string& value) {
  return ExtensionHandle{X509V3_EXT_conf_nid(nullptr, nullptr, nid, value.c_str())};
}

ExtensionHandle custom_extension(const CertificateRequest::Extension& extension) {
  const Handle<ASN1_OBJECT, ASN1_OBJECT_free> oid{OBJ_txt2obj(extension.oid.c_str(), 1)};
  const Handle<ASN1_OCTET_STRING, ASN1_OCTET_STRING_free> value{ASN1_OCTET_STRING_new()};
  TORCHKEEP_CHECK(oid != nullptr && value != nullptr);
  TORCHKEEP_CHECK(ASN1_OCTET_STRING_set(value.get(), extension.value.data(),
                                        static_cast<int>(extension.value.size())) == 1);
  return ExtensionHandle{X509_EXTENSION_create_by_OBJ(nullptr, oid.get(), 0, value.get())};
}

// Built as values, not as OpenSSL's configuration text, in which a comma in a name would be another name.
ExtensionHandle alternative_names(const CertificateRequest& request) {
  const Handle<GENERAL_NAMES, GENERAL_NAMES_free> names{GENERAL_NAMES_new()};
  const auto push = [&](int type, void* value) {
    GENERAL_NAME* const name = GENERAL_NAME_new();
    TORCHKEEP_CHECK(name != nullptr && value != nullptr);
    GENERAL_NAME_set0_value(name, type, value);
    TORCHKEEP_CHECK(sk_GENERAL_NAME_push(names.get(), name) > 0);
  };
  for (const std::string& dns : request.dns_names) {
    ASN1_IA5STRING* const text = ASN1_IA5STRING_new();
    TORCHKEEP_CHECK(ASN1_STRING_set(text, dns.data(), static_cast<int>(dns.size())) == 1);
    push(GEN_DNS, text);
  }
  for (const std::string& address : request.ip_addresses) push(GEN_IPADD, a2i_IPADDRESS(address.c_str()));
  return ExtensionHandle{X509V3_EXT_i2d(NID_subject_alt_name, 0, names.get())};
}

void set_subject(X509* certificate, const std::string& common_name) {
  X509_NAME* const name = X509_get_subject_name(certificate);
  TORCHKEEP_CHECK(X509_NAME_add_entry_by_NID(
                      name, NID_commonName, MBSTRING_UTF8,
                      reinterpret_cast<const unsigned char*>(common_name.data()),
                      static_cast<int>(common_name.size()), -1, 0) == 1);
}

}  // namespace

Certificate issue_certificate(const CertificateRequest& request, const Certificate* issuer,
                              const EcdsaPrivateKey& issuer_key) {
  const X509Handle certificate{X509_new()};
  TORCHKEEP_CHECK(certificate != nullptr);
  const PkeyHandle subject_key = std::move(parse_public_key(request.public_key_info)).value();
  TORCHKEEP_CHECK(X509_set_version(certificate.get(), X509_VERSION_3) == 1);
  TORCHKEEP_CHECK(X509_set_serialNumber(certificate.get(), make_integer(request.serial).get()) == 1);
  TORCHKEEP_CHECK(X509_set1_notBefore(certificate.get(), make_time(request.not_before).get()) == 1);
  TORCHKEEP_CHECK(X509_set1_notAfter(certificate.get(), make_time(request.not_after).get()) == 1);
  TORCHKEEP_CHECK(X509_set_pubkey(certificate.get(), subject_key.get()) == 1);
  set_subject(certificate.get(), request.common_name);
  const X509_NAME* const issuer_name = issuer != nullptr
                                           ? X509_get_subject_name(issuer->state().fields.get())
                                           : X509_get_subject_name(certificate.get());
  TORCHKEEP_CHECK(X509_set_issuer_name(certificate.get(), issuer_name) == 1);

  add(certificate.get(), standard_extension(NID_basic_constraints,
                                            request.is_ca ? "critical,CA:TRUE" : "critical,CA:FALSE"));
  add(certificate.get(), standard_extension(NID_key_usage, request.is_ca
                                                               ? "critical,keyCertSign,cRLSign"
                                                               : "critical,digitalSignature"));
  if (request.crl_url) {
    add(certificate.get(), standard_extension(NID_crl_distribution_points, "URI:" + *request.crl_url));
  }
  if (!request.dns_names.empty() || !request.ip_addresses.empty()) {
    add(certificate.get(), alternative_names(request));
  }
  for (const auto& extension : request.extensions) add(certificate.get(), custom_extension(extension));
  TORCHKEEP_CHECK(X509_sign(certificate.get(), issuer_key.state().pkey.get(), EVP_sha256()) > 0);
  return Certificate::from_der(to_der<const X509>(certificate.get(), i2d_X509)).value();
}

Bytes issue_revocation_list(const Certificate& issuer, const EcdsaPrivateKey& issuer_key,
                            const std::vector<Bytes>& revoked_serials, TimePoint this_update,
                            TimePoint next_update) {
  const Handle<X509_CRL, X509_CRL_free> list{X509_CRL_new()};
  TORCHKEEP_CHECK(list != nullptr);
  TORCHKEEP_CHECK(X509_CRL_set_version(list.get(), X509_CRL_VERSION_2) == 1);
  TORCHKEEP_CHECK(X509_CRL_set_issuer_name(list.get(),
                                           X509_get_subject_name(issuer.state().fields.get())) == 1);
  TORCHKEEP_CHECK(X509_CRL_set1_lastUpdate(list.get(), make_time(this_update).get()) == 1);
  TORCHKEEP_CHECK(X509_CRL_set1_nextUpdate(list.get(), make_time(next_update).get()) == 1);
  for (const Bytes& serial : revoked_serials) {
    X509_REVOKED* const entry = X509_REVOKED_new();
    TORCHKEEP_CHECK(entry != nullptr);
    TORCHKEEP_CHECK(X509_REVOKED_set_serialNumber(entry, make_integer(serial).get()) == 1);
    TORCHKEEP_CHECK(X509_REVOKED_set_revocationDate(entry, make_time(this_update).get()) == 1);
    TORCHKEEP_CHECK(X509_CRL_add0_revoked(list.get(), entry) == 1);
  }
  TORCHKEEP_CHECK(X509_CRL_sort(list.get()) == 1);
  TORCHKEEP_CHECK(X509_CRL_sign(list.get(), issuer_key.state().pkey.get(), EVP_sha256()) > 0);
  return to_der<const X509_CRL>(list.get(), i2d_X509_CRL);
}

}  // namespace torchkeep::crypto
