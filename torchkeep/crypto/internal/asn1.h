#pragma once

#include <openssl/x509.h>

#include <optional>
#include <string>

#include "torchkeep/base/bytes.h"
#include "torchkeep/base/clock.h"

/// ASN.1 values as ours and back.
namespace torchkeep::crypto::asn1 {

std::optional<TimePoint> find_time(const ASN1_TIME* time);
Bytes bytes_of(const ASN1_STRING* value);
/// Big-endian, without leading zeros; a negative number keeps its magnitude.
Bytes unsigned_bytes(const ASN1_INTEGER* value);
/// RFC 2253, for people.
std::string text_of(const X509_NAME* name);

}  // namespace torchkeep::crypto::asn1
