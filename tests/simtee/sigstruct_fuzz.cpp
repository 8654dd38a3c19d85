#include <algorithm>

#include "torchkeep/base/check.h"
#include "torchkeep/simtee/sigstruct.h"

namespace {

using namespace torchkeep;

constexpr std::size_t kFieldsAt = 8, kFieldBytes = 32 + 16 + 4 + 2 + 2;

/// The fields of a description as the fuzzer wants them, to be signed afresh.
attest::SgxEnclave parse_fields(ByteView bytes) {
  ByteReader reader(bytes);
  attest::SgxEnclave enclave;
  enclave.mr_enclave = *reader.take_array<32>("");
  enclave.attributes = *reader.take_array<16>("");
  enclave.misc_select = *reader.take_le32("");
  enclave.isv_prod_id = *reader.take_le16("");
  enclave.isv_svn = *reader.take_le16("");
  return enclave;
}

}  // namespace

// Descriptions of enclaves: no input crashes, and what is validly signed is read as it was written
// or refused for its attributes.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const crypto::EcdsaPrivateKey key = crypto::EcdsaPrivateKey::generate();
  const ByteView bytes(data, size);
  (void)simtee::verify_sigstruct(bytes);
  if (size < kFieldsAt + kFieldBytes) return 0;
  const attest::SgxEnclave wanted = parse_fields(bytes.subspan(kFieldsAt, kFieldBytes));
  const auto read = simtee::verify_sigstruct(simtee::make_sigstruct(wanted, key));
  if (!read) {
    TORCHKEEP_CHECK(read.error().code == ErrorCode::Untrusted);
    return 0;
  }
  TORCHKEEP_CHECK(read->mr_enclave == wanted.mr_enclave && read->attributes == wanted.attributes);
  TORCHKEEP_CHECK(read->isv_prod_id == wanted.isv_prod_id && read->isv_svn == wanted.isv_svn);
  return 0;
}
