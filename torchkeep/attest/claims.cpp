#include "torchkeep/attest/claims.h"

#include "torchkeep/base/encoding.h"
#include "torchkeep/base/text.h"

namespace torchkeep::attest {

TeeType tee_of(const Attested& attested) {
  if (std::holds_alternative<SgxEnclave>(attested)) return TeeType::Sgx;
  return std::holds_alternative<TdReport>(attested) ? TeeType::Tdx : TeeType::Snp;
}

ByteView measurement_of(const Attested& attested) {
  if (const auto* enclave = std::get_if<SgxEnclave>(&attested)) return enclave->mr_enclave;
  if (const auto* domain = std::get_if<TdReport>(&attested)) return domain->mr_td;
  return std::get<SnpReport>(attested).measurement;
}

bool is_debug(const Attested& attested) {
  return std::visit([](const auto& one) { return one.debug(); }, attested);
}

std::string to_text(const Attested& attested) {
  constexpr std::string_view kKinds[] = {"SGX enclave", "TDX trust domain", "SEV-SNP guest"};
  return text(kKinds[attested.index()], " ", encode_hex(measurement_of(attested)));
}

}  // namespace torchkeep::attest
