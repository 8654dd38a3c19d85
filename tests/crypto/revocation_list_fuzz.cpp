#include "torchkeep/base/check.h"
#include "torchkeep/base/encoding.h"
#include "torchkeep/crypto/x509.h"

#include "tests/support/files.h"

// Revocation lists as DER, PEM and hex: no input crashes, not even in the
// questions that are asked of what was read, and a list says the same in each
// spelling.
namespace torchkeep::crypto {
namespace {

Certificate load_certificate(std::string_view file) {
  return parse_pem_chain(testing::load_vector(file)).value().front();
}

void check_alike(const RevocationList& list, const RevocationList& other) {
  static const Certificate certificates[] = {
      load_certificate("attest/vectors/dcap/sgx3-cfgswhardening/pck_crl_issuer_chain.pem"),
      load_certificate("attest/vectors/dcap/sgx3-cfgswhardening/root_ca.pem")};
  TORCHKEEP_CHECK(list.issuer_name() == other.issuer_name());
  TORCHKEEP_CHECK(list.this_update() == other.this_update());
  TORCHKEEP_CHECK(list.next_update() == other.next_update());
  for (const Certificate& certificate : certificates) {
    TORCHKEEP_CHECK(list.lists(certificate) == other.lists(certificate));
    TORCHKEEP_CHECK(list.verify_issued_by(certificate).ok() ==
                    other.verify_issued_by(certificate).ok());
  }
}

}  // namespace
}  // namespace torchkeep::crypto

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace torchkeep;
  const ByteView bytes(data, size);
  const auto list = crypto::RevocationList::parse(bytes);
  const auto hex = crypto::RevocationList::parse(as_bytes(encode_hex(bytes)));
  if (list) crypto::check_alike(*list, *list);
  if (hex) crypto::check_alike(*hex, *hex);
  if (list && hex) crypto::check_alike(*list, *hex);
  return 0;
}
