#include <openssl/bio.h>

#include <ctime>

#include "torchkeep/crypto/internal/asn1.h"
#include "torchkeep/crypto/openssl.h"

namespace torchkeep::crypto::asn1 {

std::optional<TimePoint> find_time(const ASN1_TIME* time) {
  std::tm parts{};
  if (ASN1_TIME_to_tm(time, &parts) != 1) return std::nullopt;
  return TimePoint(std::chrono::seconds(timegm(&parts)));
}

Bytes bytes_of(const ASN1_STRING* value) {
  return to_bytes({ASN1_STRING_get0_data(value), static_cast<std::size_t>(ASN1_STRING_length(value))});
}

Bytes unsigned_bytes(const ASN1_INTEGER* value) {
  const Handle<BIGNUM, BN_free> number{ASN1_INTEGER_to_BN(value, nullptr)};
  TORCHKEEP_CHECK(number != nullptr);
  Bytes out(static_cast<std::size_t>(BN_num_bytes(number.get())));
  BN_bn2bin(number.get(), out.data());
  return out;
}

std::string text_of(const X509_NAME* name) {
  const Handle<BIO, BIO_free_all> out{BIO_new(BIO_s_mem())};
  X509_NAME_print_ex(out.get(), name, 0, XN_FLAG_RFC2253);
  char* data = nullptr;
  const long size = BIO_get_mem_data(out.get(), &data);
  return {data, static_cast<std::size_t>(size)};
}

}  // namespace torchkeep::crypto::asn1
